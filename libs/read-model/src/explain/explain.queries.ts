import { laneRank } from '@millrace/domain';
import type { Fact, HeldTask } from '@millrace/domain';
import type { Database } from '../database/database.js';
import { factOfEvent } from '../task-events/archived-fact.js';
import { REPORTS } from '../task-events/attempts.js';
import { factsOfTask } from '../task-events/task-facts.js';
import { POSITION_LIMIT } from '../tasks/task.queries.js';

/** A task of a queue that runs. */
export interface RunningRow {
  id: string;
  concurrency_key: string | null;
}

/** What an explanation of a task asks of the read models. Every answer is bounded. */
export class ExplainQueries {
  constructor(private readonly database: Database) {}

  /**
   * How many tasks of its queue wait for a slot before the given one, key by key or not; null beyond {@link POSITION_LIMIT}. By the place
   * that the log has told, for its own row may not be there yet.
   */
  async heldAhead({ queue, lane, rank }: Pick<HeldTask, 'queue' | 'lane' | 'rank'>): Promise<number | null> {
    const [row] = await this.database.rows<{ ahead: number }>(
      `SELECT count(*) AS ahead FROM (
         SELECT 1 FROM tasks
         WHERE queue = $1 AND phase = 'held' AND waiting_for = 'slot' AND (lane_rank, rank) < ($2, $3)
         LIMIT ${POSITION_LIMIT + 1}
       ) AS before`,
      [queue, laneRank(lane), rank],
    );
    const ahead = row?.ahead ?? 0;
    return ahead > POSITION_LIMIT ? null : ahead;
  }

  /** Tasks of a queue that run, the first lane first; at most {@link POSITION_LIMIT}. */
  running(queue: string): Promise<RunningRow[]> {
    return this.database.rows<RunningRow>(
      `SELECT id, concurrency_key FROM tasks WHERE queue = $1 AND phase = 'running'
       ORDER BY lane_rank, ticket LIMIT ${POSITION_LIMIT}`,
      [queue],
    );
  }

  /** The newest transitions of a task below a sequence, in the order of the log, without what its attempts reported. */
  async transitionsBelow(id: string, below: number, limit: number): Promise<Fact[]> {
    const order = 'newest first' as const;
    const stored = await factsOfTask(this.database, id, { below, without: REPORTS, order, limit });
    return stored.reverse().map(factOfEvent);
  }
}
