import type { Database } from '../database/database.js';

/** Ends of tasks in a span of time. */
export interface EndCounts {
  queue: string;
  name: string;
  succeeded: number;
  failed: number;
}

/** The same of a minute or an hour. */
export interface SpanEnds extends EndCounts {
  /** Its beginning. */
  at: string;
}

/** A task that has run for long. */
export interface SlowTask {
  id: string;
  queue: string;
  name: string;
  seconds: number;
}

/** What a query is narrowed down to. */
export interface AlertFilter {
  queue?: string | undefined;
  task_name?: string | undefined;
}

/** The longest are found first; more alerts nobody reads. */
const RUNS_AT_MOST = 1_000;

/** What alert rules look at in the read models. */
export class AlertQueries {
  constructor(private readonly database: Database) {}

  /** Running tasks that were started before the time, the longest first. */
  longRuns(startedBefore: Date, now: Date, { queue, task_name }: AlertFilter): Promise<SlowTask[]> {
    return this.database.rows(
      `SELECT id, queue, name, extract(epoch FROM $2::timestamptz - started_at)::float8 AS seconds FROM tasks
       WHERE phase = 'running' AND started_at < $1
         AND ($3::text IS NULL OR queue = $3) AND ($4::text IS NULL OR name = $4)
       ORDER BY started_at LIMIT ${RUNS_AT_MOST}`,
      [startedBefore, now, queue ?? null, task_name ?? null],
    );
  }

  /** How many tasks succeeded and failed for good since the beginning of the minute of the time. */
  endsSince(from: Date, filter: AlertFilter): Promise<EndCounts[]> {
    return this.database.rows(
      `SELECT queue, name, sum(completed)::bigint AS succeeded, sum(failed)::bigint AS failed FROM metrics
       WHERE span = 'minute' AND at >= date_trunc('minute', $1::timestamptz) AND ${NARROWED}
       GROUP BY queue, name`,
      [from, ...narrowing(filter)],
    );
  }

  /** The same by the minutes or the hours of a span of the past. Minutes are not kept as long as hours. */
  endsBy(span: 'minute' | 'hour', from: Date, to: Date, filter: AlertFilter): Promise<SpanEnds[]> {
    return this.database.rows(
      `SELECT at, queue, name, completed AS succeeded, failed FROM metrics
       WHERE span = $5 AND at >= date_trunc($5, $1::timestamptz) AND at < $4 AND ${NARROWED} AND completed + failed > 0
       ORDER BY at`,
      [from, ...narrowing(filter), to, span],
    );
  }
}

const NARROWED = '($2::text IS NULL OR queue = $2) AND ($3::text IS NULL OR name = $3)';

const narrowing = ({ queue, task_name }: AlertFilter): [string | null, string | null] => [
  queue ?? null,
  task_name ?? null,
];
