import type { Json } from '@millrace/domain';
import { WorkerStoppingError } from '../errors.js';
import type { HandlerProgram, PoolLogger } from './child-program.js';
import { HandlerProcessStartError, MemoryLimitExceeded } from './errors.js';
import { HandlerProcess } from './handler-process.js';
import type { HandlerProcessEvents, HandlerProcessOptions } from './handler-process.js';
import { PooledRun } from './isolated-run.js';
import type { IsolatedRun, RunHost, RunLink } from './isolated-run.js';
import { residentBytes } from './resident-memory.js';
import { StartBackoff } from './start-backoff.js';
import { textOf } from './wire.js';

export interface PoolOptions {
  entry: HandlerProgram;
  /** Handlers that run at once, each in a process of its own. */
  size: number;
  /** Runs after which a process is replaced; 0 for no limit. Defaults to 10. */
  maxTasksPerChild?: number;
  /** Resident memory above which a busy process is killed. Defaults to 2 GiB. */
  maxMemoryBytes?: number;
  /** Resident memory above which a process is replaced after its run, so that the next one has room. Defaults to half of `maxMemoryBytes`. */
  recycleAboveBytes?: number;
  /** Milliseconds in which a process must be ready. Defaults to 30,000. */
  startWithinMs?: number;
  logger: PoolLogger;
}

const DEFAULT_TASKS_PER_CHILD = 10;
const DEFAULT_MEMORY_BYTES = 2 * 1024 ** 3;
const DEFAULT_START_WITHIN_MS = 30_000;
const LOOK_AT_MEMORY_EVERY_MS = 250;
/** Processes beyond the size of the pool: the successor of one that is at its last run warms up meanwhile. */
const SPARES = 1;

/**
 * Runs handlers in warm child processes, one run at a time in each. Processes are started when they are first needed, kept, and replaced
 * after a number of runs or when they have grown. It does not limit the time of a run: see {@link IsolatedRun.kill}.
 */
export class ProcessPool {
  readonly #processes = new Set<HandlerProcess>();
  /** Free processes; the last one was used last. */
  readonly #free: HandlerProcess[] = [];
  readonly #waiting: PooledRun[] = [];
  readonly #backoff = new StartBackoff(() => this.#fill());
  readonly #processOptions: HandlerProcessOptions;
  readonly #maxTasksPerChild: number;
  readonly #recycleAboveBytes: number;
  /** Processes the load has called for so far. */
  #wanted = 0;
  #runs = 0;
  #memoryTimer: NodeJS.Timeout | undefined;
  #hasStopped = false;

  constructor(private readonly options: PoolOptions) {
    const maxMemoryBytes = options.maxMemoryBytes ?? DEFAULT_MEMORY_BYTES;
    this.#processOptions = {
      entry: options.entry,
      maxMemoryBytes,
      startWithinMs: options.startWithinMs ?? DEFAULT_START_WITHIN_MS,
      logger: options.logger,
    };
    this.#maxTasksPerChild = options.maxTasksPerChild ?? DEFAULT_TASKS_PER_CHILD;
    this.#recycleAboveBytes = options.recycleAboveBytes ?? maxMemoryBytes / 2;
  }

  /**
   * Runs one job in a process, alone in it; waits while all are busy.
   *
   * @throws UnrecoverableError when the job is no JSON
   */
  run(job: Json, link: RunLink): IsolatedRun {
    const run = new PooledRun(++this.#runs, textOf('The job', job), link, this.#queue);
    if (this.#hasStopped) run.fail(new WorkerStoppingError('The process pool has stopped.'));
    else this.#waiting.push(run);
    this.#assign();
    return run;
  }

  /** Ends all processes: free ones in order, busy ones at once, and what runs or waits rejects with `WorkerStoppingError`. Safe twice. */
  async stop(): Promise<void> {
    this.#hasStopped = true;
    this.#backoff.stop();
    clearInterval(this.#memoryTimer);
    const reason = new WorkerStoppingError('The process pool stops.');
    for (const run of this.#waiting.splice(0)) run.fail(reason);
    this.#free.length = 0;
    await Promise.all([...this.#processes].map((process) => process.end(reason)));
  }

  /** Where a run is that has no process yet. */
  readonly #queue: RunHost = {
    pid: undefined,
    abort: () => undefined,
    kill: (run) => {
      remove(this.#waiting, run);
      run.fail(run.killedBy);
    },
  };

  readonly #events: HandlerProcessEvents = {
    free: (process) => {
      if (process.runs > 0) this.#backoff.reset();
      if (this.#isWornOut(process)) process.retire();
      else this.#free.push(process);
      this.#assign();
    },
    failed: (process, error) => this.#noteFailure(error, process),
    ended: (process) => {
      this.#processes.delete(process);
      remove(this.#free, process);
      this.#assign();
    },
  };

  #assign(): void {
    while (this.#free.length > 0 && this.#busy < this.options.size) {
      const run = this.#waiting.shift();
      if (!run) break;
      this.#free.pop()?.take(run);
    }
    this.#fill();
  }

  /** Starts the processes that the load calls for, and the successors of those at their last run. */
  #fill(): void {
    if (this.#hasStopped) return;
    this.#wanted = Math.max(this.#wanted, Math.min(this.options.size, this.#busy + this.#waiting.length));
    while (this.#lasting < this.#wanted && this.#present < this.options.size + SPARES) {
      // After a failure one process at a time shows whether it has passed.
      if (this.#backoff.isWaiting || (this.#backoff.hasFailed && this.#count('starting') > 0)) return;
      this.#start();
    }
  }

  #start(): void {
    try {
      this.#processes.add(new HandlerProcess(this.#processOptions, this.#events));
      this.#memoryTimer ??= setInterval(() => void this.#lookAtMemory(), LOOK_AT_MEMORY_EVERY_MS).unref();
    } catch (cause) {
      this.#noteFailure(new HandlerProcessStartError(String(cause), [], { cause }));
    }
  }

  #noteFailure(error: Error, process?: HandlerProcess): void {
    if (this.#hasStopped) return;
    const waitMs = this.#backoff.fail();
    this.options.logger.error(
      { err: error, handler_pid: process?.pid, retry_in_ms: waitMs },
      'a process for handlers failed',
    );
    // As long as others serve the queue, it can wait.
    if (this.#lasting > 0) return;
    for (const run of this.#waiting.splice(0)) run.fail(error);
  }

  async #lookAtMemory(): Promise<void> {
    const { maxMemoryBytes } = this.#processOptions;
    await Promise.all(
      [...this.#processes].map(async ({ pid, run }) => {
        if (pid === undefined || !run) return;
        const bytes = await residentBytes(pid);
        // A run that has ended meanwhile cannot be killed.
        if (bytes !== undefined && bytes > maxMemoryBytes)
          run.kill(new MemoryLimitExceeded(bytes, maxMemoryBytes));
      }),
    );
  }

  #isWornOut(process: HandlerProcess): boolean {
    return this.#isAtItsLastRun(process) || process.rssBytes > this.#recycleAboveBytes;
  }

  #isAtItsLastRun({ runs }: HandlerProcess): boolean {
    return this.#maxTasksPerChild > 0 && runs >= this.#maxTasksPerChild;
  }

  get #busy(): number {
    return this.#count('busy');
  }

  /** Processes that will take another run. */
  get #lasting(): number {
    let lasting = 0;
    for (const process of this.#processes)
      if (isPresent(process) && !this.#isAtItsLastRun(process)) lasting++;
    return lasting;
  }

  get #present(): number {
    let present = 0;
    for (const process of this.#processes) if (isPresent(process)) present++;
    return present;
  }

  #count(phase: HandlerProcess['phase']): number {
    let count = 0;
    for (const process of this.#processes) if (process.phase === phase) count++;
    return count;
  }
}

const isPresent = ({ phase }: HandlerProcess): boolean => phase !== 'leaving' && phase !== 'gone';

function remove<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}
