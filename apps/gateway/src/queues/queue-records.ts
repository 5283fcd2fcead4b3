import { Injectable } from '@nestjs/common';
import { BadBodyError, TaskLog } from '@millrace/log';
import type { QueueRecord } from '@millrace/log';
import { ProblemError } from '../http/problem.js';
import { DEFAULT_QUEUE, DEFAULT_RECORD } from './known-queue.js';
import { QueueCatalogue } from './queue-catalogue.js';

/** A change that loses so many races in a row gives up. */
const RACES = 5;

/** The records of the queues in their bucket: read anew for each request, and changed by their revision. */
@Injectable()
export class QueueRecords {
  constructor(
    private readonly log: TaskLog,
    private readonly catalogue: QueueCatalogue,
  ) {}

  /** All of them, by name. */
  async all(): Promise<QueueRecord[]> {
    const entries = await this.log.buckets.queues.entries();
    const records = entries.map(({ value }) => value);
    if (!records.some(({ name }) => name === DEFAULT_QUEUE)) records.push(DEFAULT_RECORD);
    return records.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws ProblemError `queue/not-found` */
  async get(queue: string): Promise<QueueRecord> {
    const entry = await this.log.buckets.queues.get(queue).catch(ifUnreadable);
    if (entry) return entry.value;
    if (queue === DEFAULT_QUEUE) return DEFAULT_RECORD;
    throw new ProblemError(
      'queue/not-found',
      `The queue "${queue}" is not defined. GET /api/v1/queues lists those that are; a worker that serves it defines it, and PUT does.`,
    );
  }

  /**
   * Changes a record; again on the new one when somebody else was faster.
   *
   * @param change makes the new record of the one that is there, if any; undefined: it stays as it is
   * @returns the record before, and what was made of it
   * @throws ProblemError `queue/contended` after five lost races
   */
  async change<After extends QueueRecord | undefined>(
    queue: string,
    change: (before: QueueRecord | undefined) => After,
  ): Promise<{ before: QueueRecord | undefined; after: After }> {
    const { queues } = this.log.buckets;
    for (let race = 1; race <= RACES; race++) {
      const entry = await queues.get(queue);
      const before = entry?.value;
      const after = change(before);
      if (!after) return { before, after };
      const isWritten = entry
        ? (await queues.update(queue, after, entry.revision)) !== undefined
        : await queues.create(queue, after);
      if (!isWritten) continue;
      this.catalogue.keep(after);
      return { before, after };
    }
    throw new ProblemError(
      'queue/contended',
      `Others changed the queue "${queue}" at the same time, again and again. Try again.`,
    );
  }
}

/** A record that is none is passed over by the catalogue, too. */
function ifUnreadable(error: unknown): undefined {
  if (!(error instanceof BadBodyError)) throw error;
}
