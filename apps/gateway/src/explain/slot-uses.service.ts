import { Injectable } from '@nestjs/common';
import { limitsOf } from '@millrace/domain';
import type { HeldTask, QueueLimits } from '@millrace/domain';
import { TaskLog, slotsOfKey, slotsOfQueue } from '@millrace/log';
import type { QueueRecord, SlotRecord } from '@millrace/log';
import { Archive } from '../archive/archive.js';
import { fromArchive, fromLog } from './sources.js';
import { UNKNOWN } from './situation.js';
import type { Known, SlotUse } from './situation.js';
import { bookedOf, holdersOf, toLookAt } from './slot-use.js';
import type { Seen } from './slot-use.js';

/** Reads who fills the slots that a task waits for. */
@Injectable()
export class SlotUses {
  constructor(
    private readonly log: TaskLog,
    private readonly archive: Archive,
  ) {}

  /** Unknown too when the queue has no limits: records of slots stay when those are taken away. */
  async of(state: HeldTask, queue: Known<QueueRecord | null>): Promise<Known<SlotUse>> {
    const limits = queue === UNKNOWN ? undefined : limitsOf(queue?.settings);
    if (!limits) return UNKNOWN;
    const [records, running] = await Promise.all([
      fromLog(() => this.#records(state, limits)),
      fromArchive(() => this.archive.explain.running(state.queue)),
    ]);
    if (records === UNKNOWN) return UNKNOWN;
    const rows = running === UNKNOWN ? [] : running;
    const key = state.spec.concurrency_key;
    const idsOf = (those: typeof rows): string[] => those.map(({ id }) => id);
    const ofQueue = bookedOf(records.ofQueue?.queue, idsOf(rows), state.id);
    const ofKey =
      key === undefined
        ? undefined
        : bookedOf(
            records.ofKey?.keys?.[key],
            idsOf(rows.filter(({ concurrency_key }) => concurrency_key === key)),
            state.id,
          );
    const ids = [ofQueue, ...(ofKey ? [ofKey] : [])].flatMap(toLookAt);
    const seen = await fromLog(() => this.#look(state.queue, ids));
    if (seen === UNKNOWN) return UNKNOWN;
    const now = Date.now();
    return {
      queue: holdersOf(ofQueue, limits.rate_limit, seen, now),
      key: ofKey ? holdersOf(ofKey, limits.key_rate_limit, seen, now) : null,
    };
  }

  async #records(
    { queue, spec: { concurrency_key: key } }: HeldTask,
    { concurrency, rate_limit, key_concurrency, key_rate_limit }: QueueLimits,
  ): Promise<{ ofQueue: SlotRecord | undefined; ofKey: SlotRecord | undefined }> {
    const read = async (name: string): Promise<SlotRecord | undefined> =>
      (await this.log.buckets.slots.get(name))?.value;
    const isOfQueue = concurrency !== undefined || rate_limit !== undefined;
    const isOfKey = key_concurrency !== undefined || key_rate_limit !== undefined;
    const [ofQueue, ofKey] = await Promise.all([
      isOfQueue ? read(slotsOfQueue(queue)) : undefined,
      isOfKey && key !== undefined ? read(slotsOfKey(queue, key)) : undefined,
    ]);
    return { ofQueue, ofKey };
  }

  async #look(queue: string, ids: readonly string[]): Promise<Seen> {
    const look = async (task_id: string) => [task_id, await this.log.read.task({ queue, task_id })] as const;
    return new Map(await Promise.all([...new Set(ids)].map(look)));
  }
}
