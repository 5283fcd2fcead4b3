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

/** Why a handler's signal aborted: somebody paused the task. Save a checkpoint if need be, then let the reason be thrown. */
export class TaskPausedError extends Error {
  override readonly name = 'TaskPausedError';
}

/** Why an attempt ended: its run sleeps or waits for a signal. Thrown by `sleep` and `waitForSignal`; let it pass. */
export class TaskSuspendedError extends Error {
  override readonly name = 'TaskSuspendedError';
}

/** Thrown by `waitForSignal` when the signal did not come in time. */
export class SignalTimeoutError extends Error {
  override readonly name = 'SignalTimeoutError';
}

/** The handler began other steps than the run has recorded: its code has changed meanwhile. */
export class StepChangedError extends UnrecoverableError {
  override readonly name = 'StepChangedError';
}

/** Throw it from a handler to be tried again after so many seconds; it does not count against the retries. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';

  constructor(
    readonly seconds: number,
    message = `The handler asks to be tried again in ${seconds} s.`,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Why a handler's signal aborted: another attempt holds the task; whatever this one returns is refused. */
export class AttemptOvertakenError extends Error {
  override readonly name = 'AttemptOvertakenError';
}
