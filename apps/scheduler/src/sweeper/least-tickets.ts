import type { Entry, LogState, QueueRecord, TaskLog } from '@millrace/log';
import type { ProjectionPoint, SweepQueries } from '@millrace/read-model';

/**
 * Where a lane consumer that is made anew may start: at no live ticket's expense. The rows are read after the offset, so a live ticket is
 * either in a row, perhaps as an older one of the same task, or lies above the offset.
 */
export const leastTicketOf = (offset: number, leastInRows: number | undefined): number =>
  Math.max(1, Math.min(offset, leastInRows ?? offset));

/** Keeps the least live ticket of each queue in its record. */
export class LeastTickets {
  constructor(
    private readonly log: TaskLog,
    private readonly tables: SweepQueries,
  ) {}

  async keep(queues: readonly Entry<QueueRecord>[]): Promise<void> {
    const [projections, state] = await Promise.all([this.tables.projections(), this.log.admin.state()]);
    const offset = offsetIn(projections, state);
    if (offset === undefined) return;
    for (const { key, value, revision } of queues) {
      const least_ticket = leastTicketOf(offset, await this.tables.leastTicket(key));
      if (least_ticket === value.least_ticket) continue;
      // Refused when an operator has changed the queue meanwhile: the next round tries again.
      await this.log.buckets.queues.update(key, { ...value, least_ticket }, revision);
    }
  }
}

/** Undefined when the tables are of another log than this one. */
function offsetIn(projections: readonly ProjectionPoint[], state: LogState): number | undefined {
  const isOfThisLog = projections.every(
    ({ stream_created_at, sequence }) =>
      stream_created_at === state.createdAt && sequence <= state.lastSequence,
  );
  if (!isOfThisLog || projections.length === 0) return undefined;
  return Math.min(...projections.map(({ sequence }) => sequence));
}
