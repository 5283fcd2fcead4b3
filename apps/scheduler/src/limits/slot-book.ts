import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher, QueueLimits, QueuedTask, SlotUse } from '@millrace/domain';
import { SLOT_RECORDS, slotsOfKey, slotsOfQueue } from '@millrace/log';
import type { Bucket, SlotRecord } from '@millrace/log';

/** A record as this process has written or read it last. */
interface Page {
  revision: number | undefined;
  record: SlotRecord;
}

/**
 * The records in which the slots of a queue stand. They are what keeps two leaders apart: each write expects the revision of the one before,
 * so of two who would give the same slot one is refused, and reads again before it gives anything.
 */
export class SlotBook {
  readonly #pages = new Map<string, Page>();
  /** Pages that still tell of what has ended. */
  readonly #stale = new Set<string>();
  #writtenAt = -Infinity;
  readonly #ofQueue: string | undefined;
  readonly #hasKeys: boolean;

  constructor(
    private readonly bucket: Bucket<SlotRecord>,
    private readonly queue: string,
    limits: QueueLimits,
    private readonly dispatcher: Dispatcher,
  ) {
    const { concurrency, rate_limit, key_concurrency, key_rate_limit } = limits;
    this.#ofQueue = concurrency !== undefined || rate_limit ? slotsOfQueue(queue) : undefined;
    this.#hasKeys = key_concurrency !== undefined || key_rate_limit !== undefined;
  }

  /** Whether something has ended that the records still tell of. */
  get isStale(): boolean {
    return this.#stale.size > 0;
  }

  get writtenMsAgo(): number {
    return performance.now() - this.#writtenAt;
  }

  /** Reads all records, and makes sure that nobody who has read them before can give a slot any more. */
  async seize(): Promise<void> {
    this.#pages.clear();
    // A grant writes the keys first and the queue last. So what an older leader has begun and not finished ends here, before the keys are read.
    if (this.#ofQueue !== undefined) await this.#seizeQueue(this.#ofQueue);
    if (!this.#hasKeys) return;
    const names = Array.from({ length: SLOT_RECORDS }, (_, at) => `${slotsOfQueue(this.queue)}.${at}`);
    await Promise.all(names.map((name) => this.#read(name)));
  }

  /** The tasks that have a slot by the records, and the `held` fact by which each got it. */
  granted(): Map<string, number> {
    const granted = new Map<string, number>();
    for (const { queue, keys } of this.#decisive())
      for (const { holders } of [...(queue ? [queue] : []), ...Object.values(keys ?? {})])
        for (const [id, fact] of Object.entries(holders)) granted.set(id, fact);
    return granted;
  }

  /** Counts the starts of the last period as the records have them. */
  restore(now: number): void {
    for (const [name, { record }] of this.#pages) {
      if (name === this.#ofQueue) this.dispatcher.restore(record.queue as SlotUse | undefined, now);
      for (const [key, use] of Object.entries(record.keys ?? {}))
        this.dispatcher.restore(use as SlotUse, now, key);
      this.#stale.add(name);
    }
  }

  /** Writes down who has got slots. False: somebody else has written meanwhile, nothing was given, and it must be seized again. */
  async give(tasks: readonly QueuedTask[], now: number): Promise<boolean> {
    const keys = new Map<string, Set<string>>();
    if (this.#hasKeys)
      for (const { key } of tasks) {
        if (key.name === undefined) continue;
        const name = slotsOfKey(this.queue, key.name);
        keys.set(name, (keys.get(name) ?? new Set()).add(key.name));
      }
    const given = await Promise.all([...keys].map(([name, added]) => this.#write(name, now, added)));
    if (given.includes(false)) return false;
    return this.#ofQueue === undefined || this.#write(this.#ofQueue, now);
  }

  /** The slot of the task is free: told with the next write of its record. */
  ended({ key }: QueuedTask): void {
    if (this.#ofQueue !== undefined) this.#stale.add(this.#ofQueue);
    if (this.#hasKeys && key.name !== undefined) this.#stale.add(slotsOfKey(this.queue, key.name));
  }

  /** Takes what has ended out of the records. False as with {@link give}. */
  async tidy(now: number): Promise<boolean> {
    const written = await Promise.all([...this.#stale].map((name) => this.#write(name, now)));
    return !written.includes(false);
  }

  /** Whether somebody else has written a record meanwhile. What we write ourselves is known here a moment after it can be read. */
  async isForeign(patienceMs: number): Promise<boolean> {
    const read = async (name: string): Promise<boolean> => {
      const written = (await this.bucket.get(name))?.revision ?? 0;
      const isUnknown = (): boolean => written > (this.#pages.get(name)?.revision ?? Infinity);
      if (isUnknown()) await sleep(patienceMs);
      return isUnknown();
    };
    return (await Promise.all([...this.#pages.keys()].map(read))).includes(true);
  }

  /** Those without which nothing is given. */
  #decisive(): SlotRecord[] {
    if (this.#ofQueue === undefined) return [...this.#pages.values()].map(({ record }) => record);
    const page = this.#pages.get(this.#ofQueue);
    return page ? [page.record] : [];
  }

  async #seizeQueue(name: string): Promise<void> {
    for (;;) {
      const { record, revision } = await this.#read(name);
      const seized = await this.bucket.replace(name, record, revision);
      if (seized === undefined) continue;
      this.#pages.set(name, { record, revision: seized });
      return;
    }
  }

  async #read(name: string): Promise<Page> {
    const entry = await this.bucket.get(name);
    const page = { record: entry?.value ?? {}, revision: entry?.revision };
    this.#pages.set(name, page);
    return page;
  }

  async #write(name: string, now: number, added: Iterable<string> = []): Promise<boolean> {
    const page = this.#pages.get(name);
    const record = name === this.#ofQueue ? this.#ofAll(now) : this.#ofKeys(now, page, added);
    this.#stale.delete(name);
    this.#writtenAt = performance.now();
    if (page && isSame(page.record, record)) return true;
    const revision = await this.bucket.replace(name, record, page?.revision);
    if (revision === undefined) return false;
    this.#pages.set(name, { record, revision });
    return true;
  }

  #ofAll(now: number): SlotRecord {
    const queue = this.dispatcher.use(now);
    return queue ? { queue } : {};
  }

  #ofKeys(now: number, page: Page | undefined, added: Iterable<string>): SlotRecord {
    const keys: Record<string, SlotUse> = {};
    for (const key of new Set([...Object.keys(page?.record.keys ?? {}), ...added])) {
      const use = this.dispatcher.use(now, key);
      if (use) keys[key] = use;
    }
    return { keys };
  }
}

const isSame = (a: SlotRecord, b: SlotRecord): boolean => JSON.stringify(a) === JSON.stringify(b);
