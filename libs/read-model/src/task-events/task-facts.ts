import type { Database } from '../database/database.js';
import type { StoredRow } from '../tasks/task.columns.js';
import type { TaskEventRow } from './task-event.entity.js';
import { parsedEvent } from './archived-fact.js';

/** Which facts of a task. */
export interface FactsOptions {
  /** Facts beyond this sequence. Defaults to 0: all. */
  after?: number;
  /** Facts below this sequence. Defaults to all. */
  below?: number;
  /** Kinds that are left out. Defaults to none. */
  without?: readonly string[];
  /** Defaults to `oldest first`. */
  order?: 'oldest first' | 'newest first';
  limit: number;
}

/**
 * Facts of a task from the archive. Only the days of its life are looked into, one more before and after for the clocks of who wrote
 * them; all days if facts prove to be missing there.
 */
export async function factsOfTask(
  database: Database,
  id: string,
  options: FactsOptions,
): Promise<TaskEventRow[]> {
  const life = await lifeOf(database, id);
  const facts = await read(database, id, options, life);
  return !life || isWhole(facts, options, life) ? facts : read(database, id, options);
}

interface Life {
  begin: string;
  end: string;
  sequence: number;
}

async function lifeOf(database: Database, id: string): Promise<Life | undefined> {
  const [life] = await database.rows<Life>(
    `SELECT submitted_at - interval '1 day' AS begin, updated_at + interval '1 day' AS end, sequence
     FROM tasks WHERE id = $1`,
    [id],
  );
  return life;
}

async function read(
  database: Database,
  id: string,
  { after = 0, below, without, order, limit }: FactsOptions,
  life?: Life,
): Promise<TaskEventRow[]> {
  const values: unknown[] = [id, after, limit];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  // As values, so that days are left out before the plan is made.
  const when = life ? `AND at >= ${bind(life.begin)} AND at <= ${bind(life.end)}` : '';
  const upTo = below === undefined ? '' : `AND sequence < ${bind(below)}`;
  const kinds = without ? `AND kind <> ALL (${bind(without)}::text[])` : '';
  const stored = await database.rows<StoredRow<TaskEventRow>>(
    `SELECT * FROM task_events WHERE task_id = $1 AND sequence > $2 ${when} ${upTo} ${kinds}
     ORDER BY sequence ${order === 'newest first' ? 'DESC' : ''} LIMIT $3`,
    values,
  );
  return stored.map(parsedEvent);
}

/** Each fact names the one before it, so that a gap shows. Where kinds are left out it does not. */
function isWhole(
  facts: TaskEventRow[],
  { after = 0, below, without, order, limit }: FactsOptions,
  life: Life,
): boolean {
  if (without) return true;
  const inOrder = order === 'newest first' ? facts.toReversed() : facts;
  const [first, last] = [inOrder[0], inOrder.at(-1)];
  const isFull = facts.length === limit;
  const isCutBefore = isFull && order === 'newest first';
  const isCutAfter = (isFull && order !== 'newest first') || below !== undefined;
  if (!last || !first) return after >= life.sequence;
  return (
    (isCutBefore || first.prev <= after) &&
    (isCutAfter || last.sequence >= life.sequence) &&
    // A task that has left the log and comes back begins anew.
    inOrder.every(({ prev }, index) => index === 0 || prev === 0 || prev === inOrder[index - 1]?.sequence)
  );
}
