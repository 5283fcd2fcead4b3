import type { Client } from 'pg';
import { DIGEST, SEARCHED_JSON, SEARCHED_TEXT, wordsOf } from './search-sql.js';

/** How a step went. */
export interface IndexStep {
  /** Tasks that were looked at. */
  tasks: number;
  /** Those of them whose words or JSON had changed. */
  written: number;
  /** Messages of the log that the projection itself is behind. */
  lagMessages: number;
}

/** Somebody else is at it, or there are no tables. */
const NOTHING: IndexStep = { tasks: 0, written: 0, lagMessages: 0 };

const columns = 'id, sequence, submitted_at, parameters, result, error, tags';

/** Writes words and JSON of tasks, which are rows of `tasks` (columns as there), where they have changed; one that is replaced may change its submission only. */
const indexFrom = (tasks: string): string => `
  INSERT INTO task_search (task_id, submission, digest, words, content)
  SELECT id, submitted_at, new_digest, ${wordsOf(SEARCHED_TEXT)}, ${SEARCHED_JSON}
  FROM (SELECT *, ${DIGEST} AS new_digest FROM ${tasks} AS moved) AS moved
  LEFT JOIN task_search ON task_id = id
  WHERE digest IS DISTINCT FROM new_digest OR submission IS DISTINCT FROM submitted_at
  ON CONFLICT (task_id) DO UPDATE SET submission = excluded.submission, digest = excluded.digest, words = excluded.words, content = excluded.content`;

/** Materialised, so that a task is looked at once. The offset is of the same snapshot: up to there nothing is missing. */
const STEP = `
  WITH moved AS MATERIALIZED (SELECT ${columns} FROM tasks WHERE sequence > $1 ORDER BY sequence LIMIT $2),
  written AS (${indexFrom('moved')} RETURNING 1)
  SELECT (SELECT count(*) FROM moved) AS tasks, (SELECT max(sequence) FROM moved) AS last,
    (SELECT count(*) FROM written) AS written, sequence AS offset, lag_messages
  FROM projections WHERE name = 'tasks'`;

/**
 * Takes the next tasks into the index of searches, in the order in which they changed, in a transaction of its own. Safe to be done by
 * several: one at a time does it.
 */
export async function indexNext(client: Client, limit: number): Promise<IndexStep> {
  await client.query('BEGIN');
  try {
    const step = await stepInTransaction(client, limit);
    await client.query('COMMIT');
    return step;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

interface StepRow {
  tasks: number;
  written: number;
  last: number | null;
  offset: number;
  lag_messages: number;
}

async function stepInTransaction(client: Client, limit: number): Promise<IndexStep> {
  const progress = await client.query<{ sequence: number }>(
    'SELECT sequence FROM task_search_progress FOR UPDATE SKIP LOCKED',
  );
  const [from] = progress.rows;
  if (!from) return NOTHING;
  // After the lock: a rewind that held it is seen.
  const { rows } = await client.query<StepRow>(STEP, [from.sequence, limit]);
  const [step] = rows;
  if (!step) return NOTHING;
  const { tasks, written, last, offset, lag_messages } = step;
  const upTo = tasks < limit ? Math.max(offset, from.sequence) : last;
  if (upTo !== from.sequence) await client.query('UPDATE task_search_progress SET sequence = $1', [upTo]);
  return { tasks, written, lagMessages: lag_messages };
}

/** Takes tasks into the index anew that have gone back behind what it knows. For the transaction of a rewind. */
export async function indexAnew(client: Client, ids: readonly string[], to: number): Promise<void> {
  await client.query('SELECT FROM task_search_progress FOR UPDATE');
  await client.query('DELETE FROM task_search WHERE task_id = ANY ($1::text[])', [ids]);
  await client.query('UPDATE task_search_progress SET sequence = $1 WHERE sequence > $1', [to]);
  await client.query(indexFrom(`(SELECT ${columns} FROM tasks WHERE id = ANY ($1::text[]))`), [ids]);
}
