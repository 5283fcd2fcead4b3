import { LEADER_LEASE_SECONDS } from '@millrace/log';
import type { Bucket, LeaseRecord } from '@millrace/log';
import { rest } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';

const TTL_MS = LEADER_LEASE_SECONDS * 1000;
const RENEW_EVERY_MS = TTL_MS / 3;
/** How often those that do not lead look whether the lease is free. */
const LOOK_EVERY_MS = 500;

export interface LeaseOptions {
  leases: Bucket<LeaseRecord>;
  concern: string;
  /** Id of this process, new at each start. */
  holder: string;
  logger: Logger;
}

/**
 * Who leads a concern: the key expires unless its holder renews it, by revision. It only saves work. Two leaders at once, after a pause of
 * the process or in a split of the network, do no harm, for whatever a leader writes is conditional on the log: it never rests on the lease.
 */
export class Lease {
  readonly #stopped = new AbortController();
  #heldUntil = 0;
  #done: Promise<void> | undefined;

  constructor(private readonly options: LeaseOptions) {}

  get concern(): string {
    return this.options.concern;
  }

  /** Whether this process leads now, as far as it knows. */
  get isHeld(): boolean {
    return performance.now() < this.#heldUntil;
  }

  start(): this {
    this.#done ??= this.#run();
    return this;
  }

  /** Gives the lease back, so that the next leader need not wait for its end. Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#done;
    if (!this.isHeld) return;
    this.#heldUntil = 0;
    await this.options.leases.delete(this.options.concern).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#renew();
      await rest(this.isHeld ? RENEW_EVERY_MS : LOOK_EVERY_MS, signal);
    }
  }

  async #renew(): Promise<void> {
    const { concern, logger } = this.options;
    const wasHeld = this.isHeld;
    // The server counts from when it has stored the key, which is later.
    const until = performance.now() + TTL_MS;
    const isMine = await this.#take().catch(() => undefined);
    // The broker may only be away: without an answer the lease runs out by itself.
    if (isMine !== undefined) this.#heldUntil = isMine ? until : 0;
    if (this.isHeld && !wasHeld) logger.info({ concern }, 'Leads');
    if (!this.isHeld && wasHeld) logger.warn({ concern }, 'Leads no longer');
  }

  async #take(): Promise<boolean> {
    const { leases, concern, holder } = this.options;
    const entry = await leases.get(concern);
    if (!entry) {
      return leases.create(concern, { holder, since: new Date().toISOString() });
    }
    if (entry.value.holder !== holder) return false;
    return (await leases.update(concern, entry.value, entry.revision)) !== undefined;
  }
}
