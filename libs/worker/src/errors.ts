/** Throw it from a handler to fail the task at once, without another attempt. */
export class UnrecoverableError extends Error {
  override readonly name: string = 'UnrecoverableError';
}

/** Why a handler's signal aborted: the task was cancelled. */
export class TaskCancelledError extends Error {
  override readonly name = 'TaskCancelledError';
}

/** Why a handler's signal aborted: its soft time limit has passed. Catch it to end in order; a result returned after it still counts. */
export class SoftTimeLimitExceeded extends Error {
  override readonly name = 'SoftTimeLimitExceeded';
}

/** Why an attempt failed: its hard time limit has passed. */
export class TimeLimitExceeded extends Error {
  override readonly name = 'TimeLimitExceeded';
}

/** Why a handler's signal aborted: the worker stops. The task is handed over to another one. */
export class WorkerStoppingError extends Error {
  override readonly name = 'WorkerStoppingError';
}

/** Why a handler's signal aborted: another attempt holds the task; whatever this one returns is refused. */
export class AttemptOvertakenError extends Error {
  override readonly name = 'AttemptOvertakenError';
}
