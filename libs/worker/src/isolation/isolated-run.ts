import type { Json } from '@millrace/domain';

/** What the handler in the child can reach of its parent. */
export interface RunLink {
  /** Answers a call of the handler with a JSON value. What it throws is thrown in the handler. */
  call: (method: string, args: Json[]) => Promise<unknown>;
  /** Told the newest of each method, at most about twenty times a second. */
  notify: (method: string, args: Json[]) => void;
}

/** One run of a handler in a process of its own. */
export interface IsolatedRun {
  /**
   * What the handler returned, as JSON; nothing becomes null.
   *
   * Rejects with what the handler threw; with the reason of `kill`, once the process is gone; with `MemoryLimitExceeded` or
   * `HandlerProcessDied` when the process ended early; with `HandlerProcessStartError` when there was none to run in; with
   * `WorkerStoppingError` when the pool was stopped.
   */
  readonly result: Promise<Json>;
  /** The process it runs in; undefined while it waits for one. */
  readonly pid: number | undefined;
  /** Aborts the handler's signal with this reason. Only the first one counts. */
  abort: (reason: Error) => void;
  /** Kills the process and what it started. Only the first reason counts; nothing happens once the run has ended. */
  kill: (reason: Error) => void;
}

/** Where a run is: in the queue, then in a process. */
export interface RunHost {
  readonly pid: number | undefined;
  abort: (run: PooledRun, reason: Error) => void;
  kill: (run: PooledRun) => void;
}

/** A run as the pool sees it. */
export class PooledRun implements IsolatedRun {
  readonly result: Promise<Json>;
  #resolve!: (value: Json) => void;
  #reject!: (reason: unknown) => void;
  #hasEnded = false;
  #killedBy: Error | undefined;
  #abortedBy: Error | undefined;

  constructor(
    readonly id: number,
    readonly job: string,
    readonly link: RunLink,
    private host: RunHost,
  ) {
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get pid(): number | undefined {
    return this.host.pid;
  }

  get killedBy(): Error | undefined {
    return this.#killedBy;
  }

  abort(reason: Error): void {
    if (this.#hasEnded || this.#abortedBy) return;
    this.#abortedBy = reason;
    this.host.abort(this, reason);
  }

  kill(reason: Error): void {
    if (this.#hasEnded || this.#killedBy) return;
    this.#killedBy = reason;
    this.host.kill(this);
  }

  moveTo(host: RunHost): void {
    this.host = host;
    if (this.#abortedBy) host.abort(this, this.#abortedBy);
  }

  succeed(value: Json): void {
    this.#hasEnded = true;
    this.#resolve(value);
  }

  fail(reason: unknown): void {
    this.#hasEnded = true;
    this.#reject(reason);
  }
}
