import { workerRecordSchema } from '@millrace/log';
import { z } from 'zod';
import { Name, TaskId } from '../tasks/submit-task.schema.js';

export const WorkerId = TaskId.meta({ example: 'mill-1-4711-9c1d2e3f' });

const time = z.string().meta({ format: 'date-time' });
const labels = z.record(z.string(), z.string());
const { shape } = workerRecordSchema;

export const WorkerView = z
  .object({
    worker_id: shape.worker_id.meta({ description: 'New at each start of the process.' }),
    host: shape.host,
    pid: shape.pid,
    version: shape.version,
    status: shape.status.meta({ description: 'draining: it takes nothing new and is about to end.' }),
    started_at: time,
    last_seen: time.meta({ description: 'A worker that is silent for 15 seconds is not shown any more.' }),
    queues: shape.queues,
    handlers: shape.handlers.meta({ description: 'Names of the tasks that it runs.' }),
    unsuited_handlers: z
      .array(z.object({ task_name: z.string(), requires: labels }))
      .meta({ description: 'What it has loaded and does not run: its labels are not what is required.' }),
    labels,
    slots: shape.slots.meta({ description: 'Handlers that may run at once.' }),
    prefetch: shape.prefetch.meta({ description: 'Tickets that it holds beyond the running ones.' }),
    running: z
      .array(
        z.object({
          task_id: TaskId,
          task_name: z.string(),
          queue: z.string(),
          attempt: z.int(),
          started_at: time,
        }),
      )
      .meta({ description: 'The first hundred by their start; running_count says how many there are.' }),
    running_count: shape.running_count,
    done: shape.done.meta({ description: 'Tasks that succeeded here since its start.' }),
    failed: shape.failed.meta({
      description: 'Attempts that failed here since its start, also those that are tried again.',
    }),
    memory_bytes: shape.memory_bytes.meta({ description: 'Resident memory of the process.' }),
  })
  .meta({ id: 'Worker' });
export type WorkerView = z.infer<typeof WorkerView>;

export const WorkerList = z.object({ items: z.array(WorkerView) }).meta({ id: 'WorkerList' });
export type WorkerList = z.infer<typeof WorkerList>;

export const ListWorkers = z.strictObject({
  queue: Name.optional().meta({ description: 'Those that serve this queue.' }),
  status: shape.status.optional(),
});
export type ListWorkers = z.infer<typeof ListWorkers>;

const example: WorkerView = {
  worker_id: 'mill-1-4711-9c1d2e3f',
  host: 'mill-1',
  pid: 4711,
  version: '0.1.0',
  status: 'active',
  started_at: '2026-03-01T08:00:00.000Z',
  last_seen: '2026-03-01T09:30:02.000Z',
  queues: ['default', 'films'],
  handlers: ['document_processing'],
  unsuited_handlers: [{ task_name: 'transcode', requires: { gpu: 'true' } }],
  labels: { zone: 'eu' },
  slots: 4,
  prefetch: 0,
  running: [
    {
      task_id: '019f3c1e-7a52-7cc3-9d1b-6f2b1f0c8a11',
      task_name: 'document_processing',
      queue: 'default',
      attempt: 1,
      started_at: '2026-03-01T09:30:00.004Z',
    },
  ],
  running_count: 1,
  done: 1204,
  failed: 3,
  memory_bytes: 101_711_872,
};

export const workerExamples = { one: example, list: { items: [example] } satisfies WorkerList };
