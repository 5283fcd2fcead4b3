import { progressSchema } from '@millrace/log';
import { z } from 'zod';
import { TaskId, TaskStatusName } from './submit-task.schema.js';

const time = z.string().meta({ format: 'date-time' });

export const TaskErrorView = z
  .object({ name: z.string(), message: z.string(), stack: z.string().optional() })
  .meta({ id: 'TaskError' });

/** What is shown of every task, in lists and alone. */
const summary = {
  task_id: TaskId,
  task_name: z.string(),
  status: TaskStatusName,
  queue: z.string(),
  priority: z.int(),
  progress: progressSchema
    .nullable()
    .meta({ description: 'Last report of the current or last attempt; null once it has succeeded.' }),
  attempt: z.int().meta({ description: 'Number of the current or last attempt; 0 before the first.' }),
  max_retries: z.int(),
  worker: z.string().nullable().meta({ description: 'Worker of the current or last attempt.' }),
  error: TaskErrorView.nullable().meta({
    description: 'Of a failed task, or of the attempt whose retry is awaited.',
  }),
  submitted_at: time,
  started_at: time.nullable().meta({ description: 'Start of the current or last attempt.' }),
  finished_at: time.nullable(),
  cleaned_at: time.nullable().meta({
    description:
      'When it was cleaned up, a while after its end: parameters, result and error are gone, its events stay.',
  }),
  elapsed_seconds: z
    .number()
    .nullable()
    .meta({ description: 'From started_at to finished_at, or until now.' }),
  correlation_id: z.string().nullable(),
  tags: z.array(z.string()),
  user_id: z.string().nullable(),
  reason: z.string().nullable().meta({
    description:
      'Why it is scheduled, paused, cancelled or failed (`retries_spent`, `not_retryable`, `worker_lost`).',
  }),
  waits_until: time.nullable().meta({ description: 'A delay or a retry: not before this time.' }),
  updated_at: time,
  sequence: z.int().meta({ description: 'Its last fact in the log.' }),
};

export const TaskSummaryView = z.object(summary).meta({ id: 'TaskSummary' });
export type TaskSummaryView = z.infer<typeof TaskSummaryView>;

const position = z.int().nullable().meta({
  description: 'Waiting tasks ahead of it, 0 is next; null when it does not wait or Postgres is away.',
});

export const TaskStatusView = z.object({ ...summary, position }).meta({ id: 'TaskStatus' });
export type TaskStatusView = z.infer<typeof TaskStatusView>;

export const AttemptView = z
  .object({
    attempt: z.int(),
    worker: z.string(),
    started_at: time,
    ended_at: time.nullable(),
    outcome: z.enum([
      'running',
      'succeeded',
      'failed',
      'lost',
      'yielded',
      'suspended',
      'paused',
      'cancelled',
    ]),
    error: TaskErrorView.nullable(),
    duration_ms: z.number().nullable(),
  })
  .meta({ id: 'Attempt' });

const retryTimes = {
  max_retries: z.int(),
  delay_seconds: z.number(),
  backoff_factor: z.number(),
  max_delay_seconds: z.number(),
  jitter: z.boolean(),
};

export const TaskOptionsView = z
  .object({
    retry: z.object({
      ...retryTimes,
      by_error: z
        .record(z.string(), z.object(retryTimes).partial())
        .optional()
        .meta({ description: 'What differs for errors of a class, by the name of the error.' }),
    }),
    soft_time_limit: z.number(),
    time_limit: z.number(),
    expires_at: time.nullable(),
    unique_key: z.string().nullable(),
    concurrency_key: z.string().nullable(),
  })
  .meta({ id: 'TaskOptions' });
export type TaskOptionsView = z.infer<typeof TaskOptionsView>;

/** Where a branch began. */
export const BranchOrigin = z
  .object({
    task_id: TaskId,
    sequence: z.int().meta({ description: 'The checkpoint or step it started from; 0: its start.' }),
  })
  .meta({ id: 'BranchOrigin' });

export const TaskView = z
  .object({
    ...summary,
    position,
    parameters: z.unknown().meta({ description: 'As submitted.' }),
    result: z.unknown().meta({ description: 'Of a task that succeeded; else null.' }),
    notice: z
      .string()
      .nullable()
      .meta({ description: 'What else is to be known: that it was cleaned up, and what that means.' }),
    options: TaskOptionsView,
    attempts: z.array(AttemptView),
    branched_from: BranchOrigin.nullable().meta({ description: 'Of a branch: the run it came from.' }),
    branches: z.array(TaskId).meta({
      description: 'Tasks that branched from this one, the first 100; empty while Postgres is away.',
    }),
  })
  .meta({ id: 'Task' });
export type TaskView = z.infer<typeof TaskView>;

export const TaskEventView = z
  .object({
    sequence: z.int(),
    kind: z.string(),
    at: time,
    attempt: z.int().nullable(),
    actor: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'TaskEvent' });
export type TaskEventView = z.infer<typeof TaskEventView>;

export const TaskEvents = z.object({ items: z.array(TaskEventView) }).meta({ id: 'TaskEvents' });
export type TaskEvents = z.infer<typeof TaskEvents>;

export const TaskResult = z
  .object({
    task_id: TaskId,
    status: TaskStatusName,
    result: z.unknown().meta({ description: 'What the handler returned; null unless it succeeded.' }),
    error: TaskErrorView.nullable(),
  })
  .meta({ id: 'TaskResult' });
export type TaskResult = z.infer<typeof TaskResult>;

export const TaskNotEnded = z
  .object({ task_id: TaskId, status: TaskStatusName })
  .meta({ id: 'TaskNotEnded' });
export type TaskNotEnded = z.infer<typeof TaskNotEnded>;

export const TaskList = z
  .object({
    items: z.array(TaskSummaryView),
    next_cursor: z.string().nullable(),
    projection: z.object({
      sequence: z.int().meta({ description: 'The list knows every fact of the log up to here.' }),
      lag_ms: z.number().nullable(),
    }),
  })
  .meta({ id: 'TaskList' });
export type TaskList = z.infer<typeof TaskList>;
