import type { Database } from '../database/database.js';

/** What has ever happened in a queue to tasks of a name. */
export interface TaskTotals {
  queue: string;
  name: string;
  submitted: number;
  started: number;
  succeeded: number;
  failed: number;
  retried: number;
  cancelled: number;
  lost: number;
}

/** Counters that only grow, for whoever watches from outside. */
export class TotalQueries {
  constructor(private readonly database: Database) {}

  /** By queue and task name. It reads a row for each day, and the minutes that no day has yet. */
  totals(): Promise<TaskTotals[]> {
    return this.database.rows(
      `SELECT queue, name, sum(submitted)::bigint AS submitted, sum(started)::bigint AS started,
         sum(completed)::bigint AS succeeded, sum(failed)::bigint AS failed, sum(retried)::bigint AS retried,
         sum(cancelled)::bigint AS cancelled, sum(lost)::bigint AS lost
       FROM metrics WHERE span = 'day' OR (span = 'minute' AND NOT rolled)
       GROUP BY queue, name ORDER BY queue, name`,
    );
  }
}
