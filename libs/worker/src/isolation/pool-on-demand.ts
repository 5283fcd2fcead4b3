import { availableParallelism } from 'node:os';
import { isIsolated } from '../handlers/handler.js';
import type { Handler } from '../handlers/handler.js';
import type { WorkerOptions } from '../worker-options.js';
import { ProcessPool } from './process-pool.js';
import type { PoolOptions } from './process-pool.js';

/** Processes for tasks at their last chance, where no handler asks for one. */
const LAST_CHANCES_PER_CORE = 2;

/** The processes of a worker: none is started, and no pool made, before a task needs one. */
export class PoolOnDemand {
  #pool: ProcessPool | undefined;

  private constructor(private readonly options: PoolOptions) {}

  /**
   * Undefined where the program of the worker cannot be started again.
   *
   * @param concurrency handlers that the worker runs at once
   * @throws Error when a handler wants a process and none can be started
   */
  static of(
    handlers: Iterable<Handler>,
    concurrency: number,
    { handlerProgram: entry, maxTasksPerChild, maxMemoryPerChildBytes, logger }: WorkerOptions,
  ): PoolOnDemand | undefined {
    const wanting = [...handlers].find(isIsolated);
    if (entry)
      return new PoolOnDemand({
        entry,
        size: wanting ? concurrency : sizeForLastChances(concurrency),
        logger,
        ...(maxTasksPerChild !== undefined && { maxTasksPerChild }),
        ...(maxMemoryPerChildBytes !== undefined && { maxMemoryBytes: maxMemoryPerChildBytes }),
      });
    if (wanting)
      throw new Error(`The handler ${wanting.name} is to be isolated, but there is no handlerProgram.`);
    return undefined;
  }

  get pool(): ProcessPool {
    return (this.#pool ??= new ProcessPool(this.options));
  }

  async stop(): Promise<void> {
    await this.#pool?.stop();
  }
}

/** Tasks at their last chance may come by the dozen, when a worker has died: they need not start a process each. */
const sizeForLastChances = (concurrency: number): number =>
  Math.min(concurrency, LAST_CHANCES_PER_CORE * availableParallelism());
