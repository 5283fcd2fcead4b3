import { Injectable } from '@nestjs/common';
import { CHANGE_OF, addMeasures, noMeasures } from '@millrace/read-model';
import type { Measures } from '@millrace/read-model';
import { STATUSES } from '@millrace/domain';
import { Archive } from '../archive/archive.js';
import { Moments } from '../archive/moments.service.js';
import { QueueRecords } from './queue-records.js';
import type { PastQueue } from './past-queues.schema.js';

/** Queues as they were at a moment: how many tasks were in which status. */
@Injectable()
export class PastQueues {
  constructor(
    private readonly archive: Archive,
    private readonly moments: Moments,
    private readonly records: QueueRecords,
  ) {}

  /** Those in which anything had ever happened. */
  list(at: string): Promise<PastQueue[]> {
    return this.#standing(at);
  }

  /** @throws ProblemError `queue/not-found` */
  async get(queue: string, at: string): Promise<PastQueue> {
    const [found] = await this.#standing(at, queue);
    if (found) return found;
    // Nothing had happened in it; whether it exists, only its record knows.
    const { name } = await this.records.get(queue);
    return viewOf(name, at, noMeasures());
  }

  async #standing(at: string, only?: string): Promise<PastQueue[]> {
    await this.moments.settled(at);
    const standing = await this.archive.past.standing(at, only);
    const sums = new Map<string, Measures>();
    for (const { queue, measures } of standing.groups) {
      const sum = sums.get(queue) ?? noMeasures();
      sums.set(queue, sum);
      addMeasures(sum, measures);
    }
    return [...sums]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, sum]) => viewOf(name, standing.at, sum));
  }
}

const viewOf = (name: string, at: string, sum: Measures): PastQueue => ({
  name,
  at,
  by_status: Object.fromEntries(
    STATUSES.map((status) => [status, sum[CHANGE_OF[status]]]),
  ) as PastQueue['by_status'],
  held: sum.in_held,
  total_tasks: {
    active: sum.in_started + sum.in_processing,
    pending: sum.in_pending - sum.in_delayed,
    scheduled: sum.in_delayed + sum.in_retry,
  },
});
