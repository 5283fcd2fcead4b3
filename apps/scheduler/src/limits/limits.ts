import { rest } from '@millrace/runtime';
import { LimitedQueues } from './limited-queues.js';
import type { LimitsOptions } from './limited-queues.js';

const LOOK_EVERY_MS = 100;

/** Gives the slots of all limited queues while it leads. */
export class Limits {
  readonly #stopped = new AbortController();
  #done: Promise<void> | undefined;

  constructor(private readonly options: LimitsOptions) {}

  start(): this {
    this.#done ??= this.#run();
    return this;
  }

  /** Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { lease } = this.options;
    while (!this.#stopped.signal.aborted) {
      await this.#look();
      if (lease.isHeld) await this.#lead();
    }
  }

  async #lead(): Promise<void> {
    const { lease, logger } = this.options;
    const queues = new LimitedQueues(this.options);
    try {
      await queues.start();
      while (lease.isHeld && !this.#stopped.signal.aborted) await this.#look();
    } catch (error) {
      logger.warn({ err: error }, 'The limits of queues could not be taken over; trying again');
    } finally {
      await queues.stop();
    }
  }

  #look(): Promise<void> {
    return rest(LOOK_EVERY_MS, this.#stopped.signal);
  }
}
