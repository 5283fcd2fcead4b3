import type { Json, Progress } from '@millrace/domain';

/** A step that begins: what an earlier attempt recorded of it, or the key under which its result is to be recorded. */
export type BegunStep = { key: string; isRecorded: false } | { key: string; isRecorded: true; result: Json };

export interface CheckpointOptions {
  /** The steps before it no longer count: the state holds all that matters of them. Defaults to false. */
  forgetSteps?: boolean;
}

export interface SignalOptions {
  /** Give up with a `SignalTimeoutError` after so many seconds. Defaults to never. */
  timeoutSeconds?: number;
  /** Keeps this very wait apart from others for the same signal, also across checkpoints. */
  key?: string;
}

export interface SleepOptions {
  /** Keeps this very sleep across checkpoints. */
  key?: string;
}

/**
 * What a running handler may ask of its attempt: the only way from a handler to the log, be it in this process or in a child. `scope` is
 * the path of the step around the one that begins, empty outside of any.
 */
export interface AttemptPort {
  progress(progress: Progress): void;
  /** The folder of the task, which is there. */
  tempDir(): Promise<string>;
  checkpoint(state: Json, options: CheckpointOptions): Promise<void>;
  beginStep(scope: string, name: string): Promise<BegunStep>;
  endStep(key: string, result: Json, durationMs: number): Promise<void>;
  /** The function of the step has thrown: nothing is recorded, and the step may be begun again. */
  failStep(key: string): Promise<void>;
  sleep(seconds: number, options: SleepOptions): Promise<void>;
  waitForSignal(name: string, options: SignalOptions): Promise<Json>;
}
