import type { Json, Progress } from '@millrace/domain';
import type { Logger } from '@millrace/runtime';
import type { CheckpointOptions, SignalOptions, SleepOptions } from './execution/attempt-port.js';

/** What a handler is given: its task, and how to talk back. Every function may be taken out of the context. */
export interface TaskContext<Params = unknown> {
  readonly taskId: string;
  readonly taskName: string;
  readonly queue: string;
  /** The parameters, checked by the handler's schema. */
  readonly params: Params;
  /** Number of this attempt, from 1. A run that slept, was paused or handed over goes on as a new attempt. */
  readonly attempt: number;
  /** Attempts that failed before this one; they count against {@link maxRetries}. */
  readonly failures: number;
  /** Failed attempts that are tried again. */
  readonly maxRetries: number;
  /**
   * Grows with every attempt of every task. Pass it to outside systems that can refuse an older one: side effects are at-least-once,
   * and an attempt that was overtaken while it slept may still try to write.
   */
  readonly fencingToken: number;
  /**
   * Aborts when the attempt must stop. `signal.reason` says why: `TaskCancelledError`, `TaskPausedError`, `SoftTimeLimitExceeded`,
   * `WorkerStoppingError` or `AttemptOvertakenError`. Pass it on to `fetch`, timers and child processes.
   */
  readonly signal: AbortSignal;
  /** A logger whose lines carry the task, the attempt and the correlation id. */
  readonly log: Logger;
  readonly userId: string | undefined;
  readonly correlationId: string | undefined;
  readonly tags: readonly string[];
  /** Tells how far the attempt is. Returns at once; shown live, at most once a second, and kept in the log every 15 s. */
  readonly progress: (progress: Progress) => void;
  /**
   * A folder for the temporary files of this task, `<MILLRACE_TEMP_DIR>/<task id>`, made on demand. Later attempts on the same machine (or
   * on any, if the place is shared) find what is in it. It goes when the task succeeds, or is cleaned up long after it failed.
   */
  readonly tempDir: () => Promise<string>;
  /** The state of the last checkpoint of the run; undefined without one. */
  readonly resumedFrom: Json | undefined;
  /**
   * Saves a state (JSON, 512 KiB at most) from which a later attempt goes on: it finds it in {@link resumedFrom}. Resolves once it is
   * durable. Steps recorded before it keep their results, unless `forgetSteps` is given.
   */
  readonly checkpoint: (state: Json, options?: CheckpointOptions) => Promise<void>;
  /**
   * Runs a function once and for all: its result, as JSON, is a fact in the log, and a later attempt gets it without running the function
   * again. A function that throws is not recorded. (If the worker dies between the end of the function and the record of it, the function
   * runs again.) Steps may run side by side and within each other. Each name is used once in its run: number them in a loop.
   *
   * @throws StepChangedError when the run has recorded other steps than the handler now begins
   */
  readonly step: <T>(name: string, run: () => T | Promise<T>) => Promise<T>;
  /**
   * Waits for so many seconds, days if need be. For more than a second the attempt ends here by a `TaskSuspendedError`, which must be let
   * pass, and its slot is free; when the time has come the handler is run again from the start, gets the results of its steps at once, and
   * passes this point.
   */
  readonly sleep: (seconds: number, options?: SleepOptions) => Promise<void>;
  /**
   * Waits for a signal of this name (`POST /tasks/{task_id}/signals`) and returns its payload, as {@link sleep} does: without a slot, over
   * restarts. Signals wait too: the first one that was sent is taken first, also if it came before anybody waited. A checkpoint forgets
   * which waits came before it, but for those with a `key` of their own.
   *
   * @throws SignalTimeoutError after `timeoutSeconds`
   */
  readonly waitForSignal: <T extends Json = Json>(name: string, options?: SignalOptions) => Promise<T>;
}
