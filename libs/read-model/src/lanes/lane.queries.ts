import { LANES, laneRank } from '@millrace/domain';
import type { Lane } from '@millrace/domain';
import type { Database } from '../database/database.js';

/** A task that waits for a slot, where it stands among those that do. */
export interface HeldPlace {
  id: string;
  lane: Lane;
  rank: number;
}

/** A task that has waited in its lane for long. */
export interface AgedTask {
  id: string;
  queue: string;
}

/** What the scheduler reads of the order in which tasks wait. It lags behind the log: whatever is done about it is conditional there. */
export class LaneQueries {
  constructor(private readonly database: Database) {}

  /** Ids of the tasks that were placed ahead of all lanes, in their order. */
  async front(queue: string, except: string, limit: number): Promise<string[]> {
    const rows = await this.database.rows<{ id: string }>(
      `SELECT id FROM tasks
       WHERE queue = $1 AND turn IS NOT NULL AND lane_rank = ${laneRank('front')} AND id <> $2
       ORDER BY turn LIMIT $3`,
      [queue, except, limit],
    );
    return rows.map(({ id }) => id);
  }

  /** Ids of the tasks that wait in the lanes of the priorities, in the order in which they run. */
  async behindFront(queue: string, except: string, limit: number): Promise<string[]> {
    const rows = await this.database.rows<{ id: string }>(
      `SELECT id FROM tasks
       WHERE queue = $1 AND turn IS NOT NULL AND lane_rank > ${laneRank('front')} AND id <> $2
       ORDER BY lane_rank, turn LIMIT $3`,
      [queue, except, limit],
    );
    return rows.map(({ id }) => id);
  }

  /** How many other tasks wait in the lanes down to this one, counted up to the limit. */
  async countDownTo(lane: Lane, queue: string, except: string, limit: number): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(
      `SELECT count(*)::integer AS count FROM (
         SELECT 1 FROM tasks WHERE queue = $1 AND turn IS NOT NULL AND lane_rank <= $3 AND id <> $2 LIMIT $4
       ) AS ahead`,
      [queue, except, laneRank(lane), limit],
    );
    return row?.count ?? 0;
  }

  /** The tasks that wait for a slot, in the order in which they get one; those of one lane, if it is given. */
  async held(queue: string, except: string, limit: number, downTo?: Lane): Promise<HeldPlace[]> {
    const rows = await this.database.rows<{ id: string; lane_rank: number; rank: number }>(
      `SELECT id, lane_rank, rank FROM tasks
       WHERE queue = $1 AND phase = 'held' AND waiting_for = 'slot' AND id <> $2 AND lane_rank <= $4
       ORDER BY lane_rank, rank LIMIT $3`,
      [queue, except, limit, downTo === undefined ? LANES.length : laneRank(downTo)],
    );
    return rows.map(({ id, lane_rank, rank }) => ({ id, lane: LANES[lane_rank] ?? 'p0', rank }));
  }

  /**
   * Tasks that have waited in their lane since before the time and can rise by one. Of each lane only the head is looked at: whoever waits
   * behind it came later.
   *
   * @param limit so many of each lane at most
   */
  aged(queue: string, before: Date, limit: number): Promise<AgedTask[]> {
    return this.database.rows(
      `SELECT head.id, head.queue FROM generate_series(${laneRank('p10') + 1}, ${LANES.length - 1}) AS lanes (lane)
       CROSS JOIN LATERAL (
         (SELECT id, queue, turn, coalesce(due_at, updated_at) AS since FROM tasks
          WHERE queue = $1 AND turn IS NOT NULL AND lane_rank = lanes.lane ORDER BY turn LIMIT $3)
         UNION ALL
         (SELECT id, queue, sequence, updated_at FROM tasks
          WHERE queue = $1 AND phase = 'held' AND waiting_for = 'slot' AND lane_rank = lanes.lane ORDER BY rank LIMIT $3)
       ) AS head
       WHERE head.since < $2 ORDER BY head.turn`,
      [queue, before, limit],
    );
  }

  /** Everything up to this sequence of the log is in the rows; 0 before the first. */
  async projectedTo(): Promise<number> {
    const [row] = await this.database.rows<{ sequence: number }>(
      `SELECT sequence FROM projections WHERE name = 'tasks'`,
    );
    return row?.sequence ?? 0;
  }
}
