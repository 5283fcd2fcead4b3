import type { Json } from '@millrace/domain';
import { z } from 'zod';
import { TaskId, TaskStatusName, text } from './submit-task.schema.js';

const GRACE_SECONDS_DEFAULT = 10;
const GRACE_SECONDS_MOST = 60;
const REASON_CHARACTERS = 256;
const SIGNAL_NAME_CHARACTERS = 128;

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

export const PauseTask = z
  .strictObject({
    grace_seconds: z
      .number()
      .min(0)
      .max(GRACE_SECONDS_MOST)
      .default(GRACE_SECONDS_DEFAULT)
      .meta({ description: 'What a run has to save a checkpoint and end, before it is ended.' }),
    reason: text(REASON_CHARACTERS).optional().meta({ description: 'For the history, and for the handler.' }),
  })
  .default({ grace_seconds: GRACE_SECONDS_DEFAULT });
export type PauseTask = z.infer<typeof PauseTask>;

export const SendSignal = z
  .strictObject({
    name: text(SIGNAL_NAME_CHARACTERS).meta({ description: 'The name that a run waits for.' }),
    // Any JSON is right: walking it would only cost time.
    payload: (z.unknown() as unknown as z.ZodType<Json>)
      .optional()
      .meta({ description: 'Any JSON of at most 64 KiB; null when left out.' }),
  })
  .meta({ id: 'SendSignal' });
export type SendSignal = z.infer<typeof SendSignal>;

export const SentSignal = z
  .object({
    task_id: TaskId,
    name: z.string(),
    sequence: z.int().meta({ description: 'Where the log has the signal.' }),
  })
  .meta({ id: 'SentSignal' });
export type SentSignal = z.infer<typeof SentSignal>;

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
