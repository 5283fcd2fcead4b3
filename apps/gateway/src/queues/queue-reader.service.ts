import { Injectable } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import type { QueueRecord } from '@millrace/log';
import { Archive } from '../archive/archive.js';
import { LogGate } from '../log/log-gate.js';
import { summaryOfRow } from '../tasks/task-view.js';
import { QueueRecords } from './queue-records.js';
import { queueView } from './queue-view.js';
import type { ListPending, PendingList, QueueView } from './queues.schema.js';

/** Reads queues: what they are from the log, their numbers from Postgres. */
@Injectable()
export class QueueReader {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
    private readonly records: QueueRecords,
    private readonly archive: Archive,
  ) {}

  async list(): Promise<QueueView[]> {
    await this.gate.pass();
    return this.#views(await this.records.all());
  }

  /** @throws ProblemError `queue/not-found` */
  async get(queue: string): Promise<QueueView> {
    await this.gate.pass();
    const [view] = await this.#views([await this.records.get(queue)]);
    if (!view) throw new Error('A queue that was asked for has no numbers.');
    return view;
  }

  /** @throws ProblemError `queue/not-found` */
  async pending(queue: string, options: ListPending): Promise<PendingList> {
    await this.gate.pass();
    const { settings = {} } = await this.records.get(queue);
    // Limits of keys pass over those whose key is full; only with limits of the queue alone is the order settled.
    const isOrdered = !settings.fair && !settings.key_concurrency && !settings.key_rate_limit;
    // Asked first, so that the page is never older than it says.
    const { sequence, lag_ms } = await this.archive.tasks.projection();
    const { items, next_cursor } = await this.archive.queues.pending(queue, options);
    const now = Date.now();
    return {
      items: items.map(({ task, number }) => ({
        ...summaryOfRow(task, now),
        position: task.turn !== null || isOrdered ? number : null,
        waits_for: task.turn === null ? 'slot' : 'turn',
      })),
      next_cursor,
      projection: { sequence, lag_ms },
    };
  }

  async #views(records: QueueRecord[]): Promise<QueueView[]> {
    const [numbers, rates, workers] = await Promise.all([
      this.archive.queues.numbers(records.map(({ name }) => name)),
      this.archive.queues.rates(),
      this.log.buckets.workers.entries(),
    ]);
    const now = Date.now();
    const serving = workers.map(({ value }) => value);
    return records.flatMap((record, i) => {
      const ofQueue = numbers[i];
      return ofQueue ? [queueView(record, serving, ofQueue, rates, now)] : [];
    });
  }
}
