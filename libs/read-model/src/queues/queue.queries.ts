import { LANES } from '@millrace/domain';
import type { Lane } from '@millrace/domain';
import type { Database } from '../database/database.js';
import { PROJECTION_LAG } from '../projections/projection-lag.js';
import { startOfYesterday } from '../task-events/partitions.js';
import { pendingPage } from './pending-page.js';
import type { PendingOptions, PendingPage } from './pending-page.js';

/** How much waits and runs in a queue. */
export interface QueueNumbers {
  queue: string;
  /** Tasks that wait for their turn, by lane; fired timers count. */
  lanes: Record<Lane, number>;
  /** Tasks that wait for a slot of the limits. */
  held: number;
  /** Tasks that wait for a time. */
  scheduled: number;
  running: number;
  /** Since when the task waits that has waited longest for its turn; null without any. */
  oldest_wait_since: string | null;
}

/** What began and ended lately. */
export interface QueueRates {
  queue: string;
  started: number;
  finished: number;
}

/** Counts of the last facts of all queues. */
export interface RecentRates {
  /** How long it took: a minute, or as long as {@link RECENT_FACTS} facts reach back. */
  window_seconds: number;
  queues: QueueRates[];
}

/** How deep a queue is, as of a point in the log. */
export interface QueueDepth {
  /** Waiting tasks, counted up to the given number. */
  depth: number;
  /** Every fact up to this sequence counts. */
  sequence: number;
  /** How far the tables are behind the log; null while no projector has ever run. */
  lag_ms: number | null;
}

const RECENT_FACTS = 20_000;
const RECENT_SECONDS = 60;

/** What the gateway reads of queues. It lags behind the log as the tasks do. */
export class QueueQueries {
  constructor(private readonly database: Database) {}

  /** The numbers of queues, zeros included: each takes as long as its waiting and running tasks are many, some tenths of a second for a million. */
  async numbers(queues: readonly string[]): Promise<QueueNumbers[]> {
    const rows = await this.database.rows<NumbersRow>(NUMBERS, [queues, LANES.length - 1]);
    return queues.map((queue) => {
      const counts = rows.filter((row) => row.queue === queue);
      const countOf = (what: string): number => counts.find((row) => row.what === what)?.tasks ?? 0;
      const waits = counts.flatMap(({ since }) => since ?? []).sort();
      return {
        queue,
        lanes: Object.fromEntries(LANES.map((lane, rank) => [lane, countOf(String(rank))])) as Record<
          Lane,
          number
        >,
        held: countOf('held'),
        scheduled: countOf('scheduled'),
        running: countOf('running'),
        oldest_wait_since: waits[0] ?? null,
      };
    });
  }

  /** Starts and ends of the last minute, of no more than the last {@link RECENT_FACTS} facts. */
  async rates(): Promise<RecentRates> {
    const rows = await this.database.rows<QueueRates & { reach: number | null; facts: number }>(RATES, [
      startOfYesterday(),
    ]);
    const facts = rows.reduce((sum, row) => sum + row.facts, 0);
    const reach = Math.max(0, ...rows.map((row) => row.reach ?? 0));
    return {
      window_seconds: facts < RECENT_FACTS ? RECENT_SECONDS : Math.min(RECENT_SECONDS, Math.max(1, reach)),
      queues: rows.map(({ queue, started, finished }) => ({ queue, started, finished })),
    };
  }

  /** Waiting tasks of a queue (ready, scheduled, held for a slot), counted no further than `atMost`. */
  async depth(queue: string, atMost: number): Promise<QueueDepth> {
    const [row] = await this.database.rows<QueueDepth>(DEPTH, [queue, atMost]);
    return row ?? { depth: 0, sequence: 0, lag_ms: null };
  }

  /**
   * One page of the waiting tasks in the order in which they will run.
   *
   * @throws BadCursorError
   */
  pending(queue: string, options: PendingOptions): Promise<PendingPage> {
    return pendingPage(this.database, queue, options);
  }
}

/** Tasks of a queue in a lane (by its rank) or a phase, or, with `since`, the first of a lane. */
interface NumbersRow {
  queue: string;
  what: string;
  tasks: number;
  since: string | null;
}

const NUMBERS = `
  SELECT queue, lane_rank::text AS what, count(*) AS tasks, NULL::timestamptz AS since FROM tasks
  WHERE queue = ANY ($1::text[]) AND turn IS NOT NULL GROUP BY queue, lane_rank
  UNION ALL
  SELECT queue, 'held', count(*), NULL FROM tasks
  WHERE queue = ANY ($1::text[]) AND phase = 'held' AND waiting_for = 'slot' GROUP BY queue
  UNION ALL
  SELECT queue, 'scheduled', count(*), NULL FROM tasks
  WHERE queue = ANY ($1::text[]) AND phase = 'scheduled' AND turn IS NULL GROUP BY queue
  UNION ALL
  SELECT queue, 'running', count(*), NULL FROM tasks
  WHERE queue = ANY ($1::text[]) AND phase = 'running' GROUP BY queue
  UNION ALL
  SELECT asked.queue, 'first', 0, first.since
  FROM unnest($1::text[]) AS asked (queue) CROSS JOIN generate_series(0, $2::integer) AS places (place)
  CROSS JOIN LATERAL (
    SELECT coalesce(due_at, updated_at) AS since FROM tasks
    WHERE tasks.queue = asked.queue AND lane_rank = place AND turn IS NOT NULL
    ORDER BY turn LIMIT 1
  ) AS first`;

const RATES = `
  SELECT queue, count(*) AS facts,
    count(*) FILTER (WHERE kind = 'started' AND is_recent) AS started,
    count(*) FILTER (WHERE kind IN ('succeeded', 'failed', 'cancelled') AND is_recent) AS finished,
    extract(epoch FROM now() - min(at))::float8 AS reach
  FROM (
    SELECT queue, kind, at, at >= now() - interval '${RECENT_SECONDS} seconds' AS is_recent
    FROM task_events WHERE at >= $1 ORDER BY sequence DESC LIMIT ${RECENT_FACTS}
  ) AS recent GROUP BY queue`;

/** A depth of one snapshot of the tables: what it counts and how far they are belong together. */
const DEPTH = `
  SELECT least($2::bigint,
    (SELECT count(*) FROM (
       SELECT FROM tasks WHERE queue = $1 AND turn IS NOT NULL LIMIT $2) AS ready)
    + (SELECT count(*) FROM (
       SELECT FROM tasks WHERE queue = $1 AND phase = 'held' AND waiting_for = 'slot' LIMIT $2) AS held)
    + (SELECT count(*) FROM (
       SELECT FROM tasks WHERE queue = $1 AND phase = 'scheduled' AND turn IS NULL LIMIT $2) AS scheduled)
  ) AS depth, sequence, ${PROJECTION_LAG} AS lag_ms
  FROM projections WHERE name = 'tasks'`;
