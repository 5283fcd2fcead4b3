import { limitsOf } from '@millrace/domain';
import type { QueueLimits } from '@millrace/domain';
import type { QueueRecord, TaskLog } from '@millrace/log';
import type { LimitQueries } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import type { Lease } from '../leadership/lease.js';
import { LimitedQueue } from './limited-queue.js';
import { SlotCheck } from './slot-check.js';
import { WorkerSlots } from './worker-slots.js';

export interface LimitsOptions {
  log: TaskLog;
  tables: LimitQueries;
  logger: Logger;
  lease: Pick<Lease, 'isHeld'>;
  /** How often what is known is compared with the log. */
  checkEveryMs: number;
}

/** A queue and how it is served. */
interface Served {
  settings: string;
  queue: LimitedQueue;
  /** It had nothing to do at the last check either. */
  wasIdle: boolean;
}

/** The queues that have limits, and those that had some and in which tasks still wait for a slot. */
export class LimitedQueues {
  readonly #records = new Map<string, QueueRecord>();
  readonly #served = new Map<string, Served>();
  readonly #workers = new WorkerSlots();
  readonly #check: SlotCheck;
  #ending: Promise<unknown> = Promise.resolve();
  #stopWatch: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;
  #isStopped = false;

  constructor(private readonly options: LimitsOptions) {
    this.#check = new SlotCheck(options.log, options.tables, options.logger);
  }

  async start(): Promise<void> {
    const { log, checkEveryMs } = this.options;
    await this.#workers.watch(log, () => {
      for (const { queue } of this.#served.values()) queue.wake();
    });
    this.#stopWatch = await log.buckets.queues.watch((name, record) => {
      if (record) this.#records.set(name, record);
      else this.#records.delete(name);
      this.#serve(name);
    });
    this.#goRound(() => this.#serveWhoWaits());
    this.#timer = setInterval(() => {
      this.#goRound(() => this.#checkAll());
    }, checkEveryMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#stopWatch?.();
    this.#workers.stop();
    await Promise.all([...this.#served.values()].map(({ queue }) => queue.stop()));
    await this.#ending;
    await this.#checking;
  }

  /** Serves a queue as its record says now. */
  #serve(name: string, isAwaited = false): void {
    if (this.#isStopped) return;
    const limits = limitsOf(this.#records.get(name)?.settings);
    const settings = JSON.stringify(limits ?? null);
    const served = this.#served.get(name);
    if (served?.settings === settings) {
      served.queue.wake();
      return;
    }
    // Without limits it is served on until all that waited have gone.
    if (!limits && !served && !isAwaited) return;
    const before = served?.queue.stop();
    if (before) this.#ending = Promise.all([this.#ending, before]);
    const queue = this.#queue(name, limits);
    this.#served.set(name, { settings, queue, wasIdle: false });
    void Promise.resolve(before).then(() => {
      if (!this.#isStopped && this.#served.get(name)?.queue === queue) queue.start();
    });
  }

  #queue(queue: string, limits: QueueLimits | undefined): LimitedQueue {
    const { log, tables, logger, lease } = this.options;
    return new LimitedQueue({
      log,
      tables,
      logger,
      queue,
      limits,
      isLeader: () => lease.isHeld,
      isPaused: () => this.#records.get(queue)?.paused !== undefined,
      workerSlots: () => this.#workers.of(queue),
    });
  }

  #goRound(round: () => Promise<void>): void {
    if (this.#checking) return;
    this.#checking = round()
      // The outage is told where slots are given.
      .catch((error: unknown) => {
        this.options.logger.debug({ err: error }, 'The slots could not be checked');
      })
      .finally(() => (this.#checking = undefined));
  }

  /** Whoever wrote `held` may not have heard yet that the limits are gone. */
  async #serveWhoWaits(): Promise<void> {
    for (const name of await this.options.tables.queuesThatWait()) this.#serve(name, true);
  }

  async #checkAll(): Promise<void> {
    await this.#serveWhoWaits();
    for (const [name, served] of this.#served) {
      if (this.#isStopped) return;
      if (!served.queue.isUnlimited) await this.#check.check(served.queue);
      else if (served.queue.knownUpTo !== undefined) {
        const isIdle = served.queue.dispatcher.waiting === 0;
        if (isIdle && served.wasIdle) {
          this.#served.delete(name);
          await served.queue.stop();
        }
        served.wasIdle = isIdle;
      }
    }
  }
}
