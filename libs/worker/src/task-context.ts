import type { Progress } from '@millrace/domain';
import type { Logger } from '@millrace/runtime';

/** What a handler is given: its task, and how to talk back. */
export interface TaskContext<Params = unknown> {
  readonly taskId: string;
  readonly taskName: string;
  readonly queue: string;
  /** The parameters, checked by the handler's schema. */
  readonly params: Params;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  /** Failed attempts that are tried again. */
  readonly maxRetries: number;
  /**
   * Grows with every attempt of every task. Pass it to outside systems that can refuse an older one: side effects are at-least-once,
   * and an attempt that was overtaken while it slept may still try to write.
   */
  readonly fencingToken: number;
  /**
   * Aborts when the attempt must stop. `signal.reason` says why: `TaskCancelledError`, `SoftTimeLimitExceeded`, `WorkerStoppingError` or
   * `AttemptOvertakenError`. Pass it on to `fetch`, timers and child processes.
   */
  readonly signal: AbortSignal;
  /** A logger whose lines carry the task, the attempt and the correlation id. */
  readonly log: Logger;
  readonly userId: string | undefined;
  readonly correlationId: string | undefined;
  readonly tags: readonly string[];
  /** Tells how far the attempt is. Returns at once; shown live, at most once a second, and kept in the log every 15 s. */
  readonly progress: (progress: Progress) => void;
}
