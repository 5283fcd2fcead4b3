import type { Client } from 'pg';
import { dayOf, daysOf, nextDay, partitionOf } from './partitions.js';

/** What a trim has done. */
export interface Trimmed {
  /** Days whose facts were dropped. */
  days: string[];
  /** Days that are old enough and stay, since tasks that have not ended need facts of them. */
  kept: { day: string; tasks: number }[];
  /** Rows of ended tasks that were removed. */
  tasks: number;
  /** Rows of failures that were removed. */
  failures: number;
}

const DAYS_AT_ONCE = 10;
const ROWS_AT_ONCE = 1_000;
const STEPS_AT_MOST = 100;
/** Readers of the archive are in the way of a drop, and it is in theirs: then another time. */
const LOCK_TIMEOUT_MS = 500;
const LOCK_NOT_AVAILABLE = '55P03';
const LIVE = `phase NOT IN ('succeeded', 'failed', 'cancelled', 'cleaned')`;

/**
 * Drops the days of the archive that are over before the time, and removes the rows of tasks that had ended by then. A bounded number of
 * each: the next trim does the rest.
 */
export async function trimArchive(client: Client, before: Date): Promise<Trimmed> {
  const trimmed: Trimmed = { days: [], kept: [], tasks: 0, failures: 0 };
  for (const day of await oldDays(client, before)) {
    if (trimmed.days.length === DAYS_AT_ONCE) break;
    const outcome = await dropDay(client, day);
    if (outcome === 'dropped') trimmed.days.push(day);
    else if (outcome !== 'busy') trimmed.kept.push({ day, tasks: outcome });
  }
  trimmed.tasks = await removeAll(client, ENDED_TASKS, before);
  trimmed.failures = await removeAll(client, OLD_FAILURES, before);
  return trimmed;
}

/** Days of the archive that are over before the time, in order. */
export async function oldDays(client: Client, before: Date): Promise<string[]> {
  const end = dayOf(before.toISOString());
  return [...(await daysOf(client))].filter((day) => nextDay(day) <= end).sort();
}

/** Or how many tasks need facts of it. */
async function dropDay(client: Client, day: string): Promise<'dropped' | 'busy' | number> {
  const table = partitionOf(day);
  try {
    await client.query('BEGIN');
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    const { rows } = await client.query<{ tasks: number }>(
      `SELECT count(*) AS tasks FROM tasks
       WHERE ${LIVE} AND first_sequence <= (SELECT max(sequence) FROM ${table})
         AND EXISTS (SELECT FROM ${table} WHERE task_id = tasks.id AND ${table}.sequence >= tasks.first_sequence)`,
    );
    const needing = rows[0]?.tasks ?? 0;
    if (needing === 0) await client.query(`DROP TABLE ${table}`);
    await client.query('COMMIT');
    return needing === 0 ? 'dropped' : needing;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    if ((error as { code?: unknown }).code === LOCK_NOT_AVAILABLE) return 'busy';
    throw error;
  }
}

async function removeAll(client: Client, statement: string, before: Date): Promise<number> {
  let removed = 0;
  for (let step = 0; step < STEPS_AT_MOST; step++) {
    const { rowCount } = await client.query(statement, [before, ROWS_AT_ONCE]);
    removed += rowCount ?? 0;
    if ((rowCount ?? 0) < ROWS_AT_ONCE) break;
  }
  return removed;
}

/** Who ended before was submitted before. */
const ENDED_TASKS = `
  WITH ended AS (
    SELECT id, sequence FROM tasks
    WHERE submitted_at < $1 AND finished_at < $1 AND NOT (${LIVE}) ORDER BY submitted_at LIMIT $2
  ), searched AS (
    DELETE FROM task_search USING ended WHERE task_id = ended.id
  )
  DELETE FROM tasks USING ended WHERE tasks.id = ended.id AND tasks.sequence = ended.sequence`;

const OLD_FAILURES = `
  DELETE FROM failures WHERE sequence IN (SELECT sequence FROM failures WHERE at < $1 ORDER BY sequence LIMIT $2)`;
