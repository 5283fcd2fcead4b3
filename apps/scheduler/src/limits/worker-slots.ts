import { PRESENCE_SECONDS } from '@millrace/log';
import type { TaskLog, WorkerRecord } from '@millrace/log';

/** How many tasks the workers of each queue can run at once, as they show themselves. One that has gone counts until its presence ends. */
export class WorkerSlots {
  readonly #workers = new Map<string, { record: WorkerRecord; seenAt: number }>();
  #stop: (() => void) | undefined;

  /** @param onChange told when a worker comes or goes; not each time it shows itself */
  async watch(log: TaskLog, onChange: () => void): Promise<void> {
    this.#stop = await log.buckets.workers.watch((id, record) => {
      const isNews = record === undefined || !this.#workers.has(id) || record.status !== 'active';
      if (record?.status === 'active') this.#workers.set(id, { record, seenAt: performance.now() });
      else this.#workers.delete(id);
      if (isNews) onChange();
    });
  }

  stop(): void {
    this.#stop?.();
  }

  of(queue: string): number {
    const seenSince = performance.now() - PRESENCE_SECONDS * 1000;
    let slots = 0;
    for (const [id, { record, seenAt }] of this.#workers) {
      if (seenAt < seenSince) this.#workers.delete(id);
      else if (record.queues.includes(queue)) slots += record.slots;
    }
    return slots;
  }
}
