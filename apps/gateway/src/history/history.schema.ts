import { KINDS } from '@millrace/domain';
import { z } from 'zod';
import { time } from '../tasks/list-tasks.schema.js';
import { Name, TaskId } from '../tasks/submit-task.schema.js';
import { AttemptView } from '../tasks/task-view.schema.js';

const LIMIT_DEFAULT = 50;
const LIMIT_MOST = 200;

const instant = z.string().meta({ format: 'date-time' });

export const ListFailures = z.strictObject({
  queue: Name.optional(),
  task_name: Name.optional(),
  since: time.optional().meta({
    description: 'Failures from this time on; the counts are of these. The last 24 hours when left out.',
  }),
  limit: z.coerce.number().int().min(1).max(LIMIT_MOST).default(LIMIT_DEFAULT),
  cursor: z
    .string()
    .regex(/^\d{1,16}$/, 'must be the next_cursor of a page.')
    .transform(Number)
    .optional()
    .meta({ type: 'string', description: 'next_cursor of the page before.' }),
});
export type ListFailures = z.infer<typeof ListFailures>;

export const FailureView = z
  .object({
    fingerprint: z.string().meta({ description: 'For GET /tasks?fingerprint=.' }),
    task_name: z.string(),
    error: z.string().meta({ description: 'Class of the error.' }),
    message: z.string().meta({ description: 'Of the last one; its first 500 characters.' }),
    count: z.int().meta({ description: 'Attempts that have failed so, retried or not.' }),
    open: z.int().meta({ description: 'Tasks that have, and are FAILURE still.' }),
    first_seen: instant.meta({ description: 'Also before `since`.' }),
    last_seen: instant,
    task_ids: z.array(TaskId).meta({ description: 'Up to five of the tasks, the last one first.' }),
  })
  .meta({ id: 'Failure' });

export const FailureList = z
  .object({ since: instant, items: z.array(FailureView), next_cursor: z.string().nullable() })
  .meta({ id: 'FailureList' });
export type FailureList = z.infer<typeof FailureList>;

export const TaskAttemptList = z
  .object({
    items: z.array(
      AttemptView.extend({
        resumed_from: z.int().nullable().meta({
          description: 'Sequence of the checkpoint that it went on from; null from the beginning.',
        }),
      }),
    ),
  })
  .meta({ id: 'TaskAttemptList' });
export type TaskAttemptList = z.infer<typeof TaskAttemptList>;

export const ExportEvents = z.strictObject({
  from: time.meta({ description: 'Facts from this time on.', example: '2026-03-01T00:00:00Z' }),
  to: time.optional().meta({ description: 'Up to this time, exclusive; now when left out.' }),
  queue: Name.optional(),
  task_name: Name.optional(),
});
export type ExportEvents = z.infer<typeof ExportEvents>;

export const ExportedEvent = z
  .object({
    sequence: z.int(),
    id: z.string().meta({ description: 'Of the event, made by its writer.' }),
    task_id: TaskId,
    queue: z.string(),
    kind: z.enum(KINDS),
    at: instant,
    actor: z.string(),
    prev: z.int().meta({ description: 'The fact of the task before this one; 0 for the first.' }),
    data: z.unknown().meta({ description: 'As the log had it.' }),
  })
  .meta({ id: 'ExportedEvent' });

const failures: FailureList = {
  since: '2026-02-28T09:31:00.000Z',
  items: [
    {
      fingerprint: '9f86d081884c7d65',
      task_name: 'render',
      error: 'Error',
      message: 'Cannot open /films/42/part-7.mov after 3 tries',
      count: 412,
      open: 17,
      first_seen: '2026-02-27T08:12:04.118Z',
      last_seen: '2026-03-01T09:30:10.002Z',
      task_ids: ['019f3c25-90d1-7a44-b5f2-0a4c1c0f6d33'],
    },
  ],
  next_cursor: null,
};

const attempts: TaskAttemptList = {
  items: [
    {
      attempt: 1,
      worker: 'worker-7f3a',
      started_at: '2026-03-01T09:30:00.004Z',
      ended_at: '2026-03-01T09:30:10.002Z',
      outcome: 'failed',
      error: { name: 'Error', message: 'Cannot open /films/42/part-7.mov after 3 tries' },
      duration_ms: 9998,
      resumed_from: null,
    },
  ],
};

const event: z.infer<typeof ExportedEvent> = {
  sequence: 4711,
  id: '019f3c25-90d1-7a44-b5f2-0a4c1c0f6d34',
  task_id: '019f3c25-90d1-7a44-b5f2-0a4c1c0f6d33',
  queue: 'default',
  kind: 'started',
  at: '2026-03-01T09:30:00.004Z',
  actor: 'worker:worker-7f3a',
  prev: 4709,
  data: { attempt: 1, worker: 'worker-7f3a', ticket: 4709, failed: 0, lost: 0 },
};

export const historyExamples = { failures, attempts, event };
