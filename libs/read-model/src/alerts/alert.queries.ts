import type { Database } from '../database/database.js';
import type { AlertFilter } from './alert-filter.js';
import { staysOf } from './stays.js';
import type { Stay, StaySpan } from './stays.js';

/** Ends of tasks in a span of time. */
export interface EndCounts {
  queue: string;
  name: string;
  succeeded: number;
  failed: number;
}

/** A task that has run for long. */
export interface SlowTask {
  id: string;
  queue: string;
  name: string;
  seconds: number;
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

  /** How long tasks ran in the past: attempts that began in the span and lasted longer, in the order in which they began. Undefined: too many. */
  pastRuns(span: StaySpan, filter: AlertFilter): Promise<Stay[] | undefined> {
    return staysOf(this.database, 'run', span, filter);
  }

  /** How long tasks waited for their turn, in the same way. A move within the queue, or another priority, begins a wait anew. */
  pastWaits(span: StaySpan, filter: AlertFilter): Promise<Stay[] | undefined> {
    return staysOf(this.database, 'wait', span, filter);
  }
}

const NARROWED = '($2::text IS NULL OR queue = $2) AND ($3::text IS NULL OR name = $3)';

const narrowing = ({ queue, task_name }: AlertFilter): [string | null, string | null] => [
  queue ?? null,
  task_name ?? null,
];
