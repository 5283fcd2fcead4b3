import type { Database } from '../database/database.js';
import type { TaskRow } from '../tasks/task.entity.js';

/** A task as the limits of its queue need to know it. */
export type LimitedRow = Pick<TaskRow, 'id' | 'phase' | 'lane' | 'sequence' | 'concurrency_key'> & {
  lane_rank: number;
  /** Of a task that waits for a slot. */
  rank: number | null;
};

/** Where a page ended. */
export type PageEnd = Pick<LimitedRow, 'lane_rank' | 'rank' | 'id'>;

const COLUMNS = 'id, phase, lane, lane_rank, rank, sequence, concurrency_key';
const DEFAULT_LIMIT = 10_000;

/** What the leader of the limits reads before it follows the log: as of the projection's offset or later, task by task. */
export class LimitQueries {
  constructor(private readonly database: Database) {}

  /** The sequence up to which the tables tell of the log, at least; 0 where nothing was projected yet. */
  async projectedUpTo(): Promise<number> {
    const [row] = await this.database.rows<{ sequence: number }>(
      `SELECT sequence FROM projections WHERE name = 'tasks'`,
    );
    return row?.sequence ?? 0;
  }

  /** A page of the tasks of a queue that wait for a slot, by lane and rank. */
  waiting(queue: string, after?: PageEnd, limit = DEFAULT_LIMIT): Promise<LimitedRow[]> {
    const { lane_rank, rank, id } = after ?? { lane_rank: -1, rank: 0, id: '' };
    return this.database.rows(
      `SELECT ${COLUMNS} FROM tasks
       WHERE queue = $1 AND phase = 'held' AND waiting_for = 'slot' AND (lane_rank, rank, id) > ($2, $3, $4)
       ORDER BY lane_rank, rank, id LIMIT $5`,
      [queue, lane_rank, rank, id, limit],
    );
  }

  /** Those that have a slot and are ready, and all that run, with a slot or without. */
  holders(queue: string): Promise<LimitedRow[]> {
    return this.database.rows(
      `SELECT ${COLUMNS} FROM tasks WHERE queue = $1 AND phase = 'running'
       UNION ALL
       SELECT ${COLUMNS} FROM tasks WHERE queue = $1 AND phase = 'ready' AND slot`,
      [queue],
    );
  }

  /** Queues in which tasks wait for a slot. */
  async queuesThatWait(): Promise<string[]> {
    const rows = await this.database.rows<{ queue: string }>(
      // One short walk of the index for each queue, however many tasks wait.
      `WITH RECURSIVE waiting AS (
         (SELECT min(queue) AS queue FROM tasks WHERE phase = 'held' AND waiting_for = 'slot')
         UNION ALL
         SELECT (SELECT min(queue) FROM tasks WHERE phase = 'held' AND waiting_for = 'slot' AND queue > waiting.queue)
         FROM waiting WHERE waiting.queue IS NOT NULL
       )
       SELECT queue FROM waiting WHERE queue IS NOT NULL`,
    );
    return rows.map(({ queue }) => queue);
  }
}
