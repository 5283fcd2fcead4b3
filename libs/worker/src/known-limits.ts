import { isLimited, limitsOf } from '@millrace/domain';
import type { QueueLimits } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';

/** The limits of all queues, watched into memory: a task that they apply to starts with a slot only. */
export class KnownLimits {
  readonly #limits = new Map<string, QueueLimits>();
  #stop: (() => void) | undefined;

  /** Resolves once those of now are known: no ticket may be claimed before. */
  static async watch(log: TaskLog): Promise<KnownLimits> {
    const known = new KnownLimits();
    known.#stop = await log.buckets.queues.watch((queue, record) => {
      const limits = limitsOf(record?.settings);
      if (limits) known.#limits.set(queue, limits);
      else known.#limits.delete(queue);
    });
    return known;
  }

  stop(): void {
    this.#stop?.();
  }

  applyTo(queue: string, key: string | undefined): boolean {
    // Mostly no queue has any.
    return this.#limits.size > 0 && isLimited(this.#limits.get(queue), key);
  }
}
