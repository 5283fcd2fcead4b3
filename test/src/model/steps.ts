import type { Command, Fact, Lane, RetryPolicy } from '@millrace/domain';

/** What the model test asks for; each is a command of the domain. */
export type Wish = Extract<
  Command,
  {
    type:
      | 'submit'
      | 'move-to-front'
      | 'move-to-back'
      | 'change-priority'
      | 'age'
      | 'reschedule'
      | 'run-now'
      | 'pause'
      | 'resume'
      | 'retry'
      | 'cancel';
  }
>;

/** What the handler of a task does, and with it how the task must end. */
export interface Plan {
  /** Milliseconds that each attempt works. */
  ms: number;
  /** Attempts that fail before one succeeds, counted anew after a redrive. */
  fails: number;
  /** Its failures are not retryable. */
  isFatal: boolean;
  retry: RetryPolicy;
  /** Never started after this time, in milliseconds since the epoch. */
  expiresAt?: number;
}

/** What happened to a task, in the order of the log: the one order that everybody agrees on. */
export type Step =
  | { sequence: number; by: 'death'; worker: string }
  /** Between the two no task of the queue may start. */
  | { sequence: number; by: 'queue'; word: 'paused' | 'resumed' }
  /** The reorder that was asked for last is done, or was refused. */
  | { sequence: number; by: 'reordered' }
  | StepOfTask;

/** What happened to one task. */
export type StepOfTask = { sequence: number; id: string } & (
  | { by: 'wish'; wish: Wish; now: number }
  /** The scheduler was asked to let it stand behind so many others. */
  | { by: 'reorder'; position: number }
  /** Someone asked the running attempt to pause. */
  | { by: 'ask' }
  /** A timer has fired; it serves the wait that began with the fact `after`. */
  | { by: 'timer'; after: number; lane: Lane; at: number }
  /** What workers, and whoever else was not asked, have written. */
  | { by: 'worker'; fact: Fact }
);
