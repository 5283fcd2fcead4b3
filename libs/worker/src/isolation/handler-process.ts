import type { Json } from '@millrace/domain';
import { ChildProgram } from './child-program.js';
import type { ChildProgramOptions, ProcessEnd } from './child-program.js';
import { HandlerProcessDied, HandlerProcessStartError, MemoryLimitExceeded, nameOf } from './errors.js';
import type { PooledRun, RunHost } from './isolated-run.js';
import { isOurs, settle, valueOf } from './wire.js';
import type { FromChild, Settled } from './wire.js';
import { packError, unpackError } from './wire-error.js';

export interface HandlerProcessOptions extends ChildProgramOptions {
  startWithinMs: number;
}

/** What a process tells its pool. */
export interface HandlerProcessEvents {
  /** It can take a run: the first one, or the next one. */
  free: (process: HandlerProcess) => void;
  /** It could not be started, or ended while it had nothing to do. */
  failed: (process: HandlerProcess, error: Error) => void;
  ended: (process: HandlerProcess) => void;
}

type Phase = 'starting' | 'free' | 'busy' | 'leaving' | 'gone';

/** A process that was asked to leave is killed after this time. */
const LEAVE_WITHIN_MS = 2_000;

/** One warm child process: it runs handlers, one at a time. */
export class HandlerProcess implements RunHost {
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  /** Runs it was given. */
  runs = 0;
  /** Memory it held after its last run. */
  rssBytes = 0;
  readonly #program: ChildProgram;
  readonly #startTimer: NodeJS.Timeout;
  #phase: Phase = 'starting';
  #run: PooledRun | undefined;
  #isLate = false;

  /** @throws Error when the system has no room for another process */
  constructor(
    private readonly options: HandlerProcessOptions,
    private readonly events: HandlerProcessEvents,
  ) {
    this.#program = new ChildProgram(options, (message) => this.#receive(message));
    this.#startTimer = setTimeout(() => {
      this.#isLate = true;
      this.#program.kill();
    }, options.startWithinMs);
    this.gone = this.#program.ended.then((end) => this.#end(end));
  }

  get phase(): Phase {
    return this.#phase;
  }

  get pid(): number | undefined {
    return this.#program.pid;
  }

  /** The run it is busy with. */
  get run(): PooledRun | undefined {
    return this.#run;
  }

  take(run: PooledRun): void {
    this.#phase = 'busy';
    this.#run = run;
    this.runs++;
    this.#program.lastLines.forget();
    this.#program.send({ millrace: 'run', run: run.id, job: run.job });
    run.moveTo(this);
  }

  abort(run: PooledRun, reason: Error): void {
    if (run === this.#run) this.#program.send({ millrace: 'abort', run: run.id, reason: packError(reason) });
  }

  kill(run: PooledRun): void {
    if (run === this.#run) this.#program.kill();
  }

  /** Lets a free process close what it has open, and end. */
  retire(): void {
    this.#phase = 'leaving';
    this.#program.disconnect();
    const timer = setTimeout(() => this.#program.kill(), LEAVE_WITHIN_MS);
    void this.gone.then(() => clearTimeout(timer));
  }

  /** Ends it in order when it is free, else at once. Resolves when it is gone. */
  async end(reason: Error): Promise<void> {
    if (this.#phase === 'free') this.retire();
    else if (this.#run) this.#run.kill(reason);
    else if (this.#phase === 'starting') {
      this.#phase = 'leaving';
      this.#program.kill();
    }
    return this.gone;
  }

  #receive(message: unknown): void {
    if (!isOurs(message)) return;
    try {
      this.#hear(message as FromChild);
    } catch (cause) {
      // A handler that speaks our words by accident must not bring the parent down.
      this.#run?.kill(new Error("The handler's process sent a message that cannot be read.", { cause }));
    }
  }

  #hear(message: FromChild): void {
    if (message.millrace === 'ready') {
      if (this.#phase !== 'starting') return;
      clearTimeout(this.#startTimer);
      this.#becomeFree();
      return;
    }
    const run = this.#run;
    // A killed run has ended, whatever was still on its way.
    if (message.run !== run?.id || run.killedBy) return;
    switch (message.millrace) {
      case 'call':
        void this.#answer(run, message.call, message.method, valueOf(message.args) as Json[]);
        break;
      case 'notify':
        this.#notify(run, message.method, valueOf(message.args) as Json[]);
        break;
      case 'done':
        this.#finish(run, message, message.rssBytes);
        break;
    }
  }

  async #answer(run: PooledRun, call: number, method: string, args: Json[]): Promise<void> {
    const settled = await settle(`The answer of ${method}`, () => run.link.call(method, args));
    if (run === this.#run) this.#program.send({ millrace: 'answer', run: run.id, call, ...settled });
  }

  #notify(run: PooledRun, method: string, args: Json[]): void {
    try {
      run.link.notify(method, args);
    } catch (error) {
      this.options.logger.error({ err: error, method }, 'a notification of a handler could not be passed on');
    }
  }

  #finish(run: PooledRun, settled: Settled, rssBytes: number): void {
    if ('value' in settled) run.succeed(valueOf(settled.value));
    else run.fail(unpackError(settled.error));
    this.#run = undefined;
    this.rssBytes = rssBytes;
    this.#becomeFree();
  }

  #becomeFree(): void {
    this.#phase = 'free';
    this.events.free(this);
  }

  #end(end: ProcessEnd): void {
    const phase = this.#phase;
    const run = this.#run;
    this.#phase = 'gone';
    this.#run = undefined;
    clearTimeout(this.#startTimer);
    run?.fail(run.killedBy ?? this.#causeOfDeath(end));
    if (phase === 'starting') this.events.failed(this, this.#causeOfNoStart(end));
    if (phase === 'free') this.events.failed(this, this.#causeOfDeath(end));
    this.events.ended(this);
  }

  #causeOfNoStart(end: ProcessEnd): Error {
    const { startWithinMs } = this.options;
    const what = this.#isLate
      ? `it was not ready within ${startWithinMs} ms`
      : `it ended with ${nameOf(end)}`;
    return new HandlerProcessStartError(
      end.error?.message ?? what,
      this.#program.lastLines.all,
      end.error && { cause: end.error },
    );
  }

  #causeOfDeath(end: ProcessEnd): Error {
    const lines = this.#program.lastLines.all;
    // V8 met its own limit before anybody had looked.
    if (end.code !== 0 && lines.some((line) => line.includes('JavaScript heap out of memory')))
      return new MemoryLimitExceeded(undefined, this.options.maxMemoryBytes);
    return new HandlerProcessDied(this.pid, end, lines);
  }
}
