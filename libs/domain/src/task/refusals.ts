/** Every reason to refuse a command: one line of meaning each. The gateway maps them to HTTP, nobody else does. */
export const REFUSALS = {
  'task/not-found': 'No task has this id, in the log or in the archive.',
  'task/already-exists': 'A task with this id was submitted before.',
  'task/already-succeeded': 'The task ended with success; that is final.',
  'task/already-failed': 'The task ended with failure; it can be retried or resumed.',
  'task/already-ended': 'The task has ended.',
  'task/not-claimable': 'The ticket is void: the task moved on.',
  'task/attempt-overtaken':
    'Another attempt holds the task, or it ended: this attempt may write nothing more.',
  'task/not-running': 'The task is not running.',
  'task/not-waiting': 'The task is not waiting in a lane.',
  'task/not-resumable': 'Only a paused or failed task can be resumed.',
  'task/input-unread':
    'The parameters stand in a fact that was not read; without them the wait cannot be carried.',
  'task/not-retryable': 'Only a failed task can be retried.',
  'task/not-restorable': 'Only what an operation has cancelled can be restored by undoing it.',
  'task/already-started': 'Only a waiting task that never started can be replaced.',
  'task/already-cleaned': 'The task was cleaned up after its end: its parameters, result and error are gone.',
  'task/not-cleanable': 'Only a task that has ended, and not moved since, can be cleaned up.',
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** A command was refused; nothing was written. The message is a sentence the caller can act on. */
export class TaskRefusal extends Error {
  override readonly name = 'TaskRefusal';

  constructor(
    readonly code: RefusalCode,
    message: string,
  ) {
    super(message);
  }
}

/** Whether the value is a refusal with one of the codes (any, if none are given). */
export const isRefusal = (error: unknown, ...codes: RefusalCode[]): error is TaskRefusal =>
  error instanceof TaskRefusal && (codes.length === 0 || codes.includes(error.code));
