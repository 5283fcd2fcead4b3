import { LANES } from '@millrace/domain';
import type { Dispatcher } from '@millrace/domain';
import type { LimitQueries, LimitedRow } from '@millrace/read-model';

/**
 * Tells the dispatcher what the read model knows of a queue. Rows that change meanwhile may be missed or told twice: whoever follows the log
 * from the sequence on hears of each of them again.
 *
 * @returns the sequence up to which the rows tell of the log at least
 */
export async function loadTasks(
  tables: LimitQueries,
  queue: string,
  dispatcher: Dispatcher,
): Promise<number> {
  const upTo = await tables.projectedUpTo();
  for (
    let page = await tables.waiting(queue);
    page.length > 0;
    page = await tables.waiting(queue, page.at(-1))
  )
    for (const row of page) dispatcher.hold({ ...taskOf(row), rank: row.rank ?? row.sequence });
  for (const row of await tables.holders(queue)) {
    if (row.phase === 'running') dispatcher.start(taskOf(row), 0);
    else dispatcher.release(taskOf(row));
  }
  return upTo;
}

const taskOf = ({ id, concurrency_key, lane_rank, sequence }: LimitedRow) => ({
  id,
  key: concurrency_key ?? undefined,
  lane: LANES[lane_rank] ?? 'p5',
  sequence,
});
