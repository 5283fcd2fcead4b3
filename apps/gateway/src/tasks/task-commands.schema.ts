import { z } from 'zod';
import { TaskId, TaskStatusName } from './submit-task.schema.js';

export const CancelledTask = z
  .object({
    task_id: TaskId,
    status: z.literal('cancelled'),
    message: z.string(),
    previous_state: TaskStatusName,
    cancelled_at: z.string(),
    sequence: z.int(),
  })
  .meta({ id: 'CancelledTask' });
export type CancelledTask = z.infer<typeof CancelledTask>;

export const RetryTask = z
  .strictObject({
    from_start: z.boolean().default(false).meta({ description: 'Forget the last checkpoint.' }),
  })
  .default({ from_start: false });
export type RetryTask = z.infer<typeof RetryTask>;

/** The answer of commands; `new_task_id` is the task's own id, for it keeps its history. */
export const CommandDone = z
  .object({
    success: z.boolean(),
    message: z.string(),
    task_id: TaskId,
    new_task_id: TaskId,
    sequence: z.int(),
  })
  .meta({ id: 'CommandDone' });
export type CommandDone = z.infer<typeof CommandDone>;
