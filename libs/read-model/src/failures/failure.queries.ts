import type { Database } from '../database/database.js';

/** Which failures. */
export interface FailureFilter {
  queue?: string | undefined;
  task_name?: string | undefined;
  /** Failures from this time on; the counts are of these. */
  since?: string | undefined;
}

export interface FailureListOptions extends FailureFilter {
  limit: number;
  /** Where the last page ended. */
  after?: number | undefined;
}

/** Failures of one kind. */
export interface FailureCluster {
  fingerprint: string;
  task_name: string;
  error: string;
  /** Of the last one. */
  message: string;
  /** Attempts that have failed so. */
  count: number;
  /** Tasks that have, and are failed still. */
  open: number;
  /** Of all that the archive has. */
  first_seen: string;
  last_seen: string;
  /** Sequence of the last one. */
  last_sequence: number;
  /** Some of the tasks, the last one first. */
  task_ids: string[];
}

const SAMPLES = 5;
/** The last failures, among which the tasks are found: one may have failed so several times. */
const LOOKED_AT = 50;

/** What has failed, kind by kind. */
export class FailureQueries {
  constructor(private readonly database: Database) {}

  /**
   * Clusters in the order of their last failures, the newest first; one more than asked for tells that there is a next page. Adds up all
   * failures that the filter leaves over: some tenths of a second for a hundred thousand.
   */
  async clusters({ limit, after, ...filter }: FailureListOptions): Promise<FailureCluster[]> {
    const values: unknown[] = [];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const conditions = ['true'];
    if (filter.queue !== undefined) conditions.push(`queue = ${bind(filter.queue)}`);
    if (filter.task_name !== undefined) conditions.push(`name = ${bind(filter.task_name)}`);
    if (filter.since !== undefined) conditions.push(`at >= ${bind(filter.since)}::timestamptz`);
    const where = conditions.join(' AND ');
    // Known to Postgres when it plans: it would look at all tasks that have ever failed.
    const [chosen] = await this.database.rows<{ oldest: number | null }>(
      `SELECT min(sequence) AS oldest FROM (SELECT sequence FROM failures WHERE ${where} OFFSET 0) AS chosen`,
      values,
    );
    const oldest = bind(chosen?.oldest ?? 0);
    const beyond = after === undefined ? '' : `HAVING max(sequence) < ${bind(after)}`;
    return this.database.rows<FailureCluster>(
      `WITH chosen AS MATERIALIZED (
         SELECT sequence, fingerprint, at FROM failures WHERE ${where}
       ), clusters AS (
         SELECT fingerprint, count(*) AS count, max(at) AS last_seen, max(sequence) AS last_sequence
         FROM chosen GROUP BY fingerprint ${beyond}
         ORDER BY last_sequence DESC LIMIT ${bind(limit + 1)}
       ), still_failed AS (
         SELECT fingerprint, count(*) AS open FROM chosen JOIN tasks USING (sequence)
         WHERE phase = 'failed' AND tasks.sequence >= ${oldest} GROUP BY fingerprint
       )
       SELECT clusters.*, last.name AS task_name, last.error_name AS error, last.message,
         coalesce(open, 0) AS open,
         (SELECT at FROM failures WHERE failures.fingerprint = clusters.fingerprint ORDER BY sequence LIMIT 1) AS first_seen,
         ARRAY(SELECT task_id FROM (
                 SELECT task_id, sequence FROM failures
                 WHERE failures.fingerprint = clusters.fingerprint AND ${where}
                 ORDER BY sequence DESC LIMIT ${LOOKED_AT}
               ) AS latest GROUP BY task_id ORDER BY max(sequence) DESC LIMIT ${SAMPLES}) AS task_ids
       FROM clusters JOIN failures AS last ON last.sequence = clusters.last_sequence
       LEFT JOIN still_failed ON still_failed.fingerprint = clusters.fingerprint
       ORDER BY clusters.last_sequence DESC`,
      values,
    );
  }
}
