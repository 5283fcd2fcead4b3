import { LANES } from '@millrace/domain';
import type { Database } from '../database/database.js';
import { SUMMARY_COLUMNS, parsedRow } from '../tasks/task.columns.js';
import type { StoredRow } from '../tasks/task.columns.js';
import type { TaskSummary } from '../tasks/task.entity.js';
import { BadCursorError } from '../tasks/task-list.js';

export interface PendingOptions {
  limit: number;
  /** Where the last page ended. */
  cursor?: string | undefined;
}

/** A waiting task and its number in the list, from 0. */
export interface PendingTask {
  task: TaskSummary;
  number: number;
}

export interface PendingPage {
  items: PendingTask[];
  /** Null after the last page. */
  next_cursor: string | null;
}

/** Those with a ticket wait for their turn; then come those that wait for a slot and have none yet. */
type Part = 'ready' | 'held';

/** After which task a page begins, and how many tasks the pages before have had. */
interface Place {
  part: Part;
  keys: [laneRank: number, order: number, id: string] | undefined;
  number: number;
}

/** See {@link QueueQueries.pending}: walks the indexes of tickets and of held tasks, so that any page costs its own length. */
export async function pendingPage(
  database: Database,
  queue: string,
  { limit, cursor }: PendingOptions,
): Promise<PendingPage> {
  const from = cursor === undefined ? START : decode(cursor);
  // One more than asked for tells whether there is a next page.
  const ready = from.part === 'ready' ? await read(database, queue, from, limit + 1) : [];
  const rest: Place = from.part === 'held' ? from : HELD;
  const held = ready.length > limit ? [] : await read(database, queue, rest, limit + 1 - ready.length);
  const rows = [...ready, ...held];
  const items = rows.slice(0, limit).map((task, i) => ({ task, number: from.number + i }));
  const last = items.at(-1);
  return { items, next_cursor: rows.length > limit && last ? cursorAfter(last) : null };
}

const START: Place = { part: 'ready', keys: undefined, number: 0 };
const HELD: Place = { part: 'held', keys: undefined, number: 0 };

const PARTS: Record<Part, { order: 'turn' | 'rank'; type: string; condition: string }> = {
  ready: { order: 'turn', type: 'bigint', condition: 'turn IS NOT NULL' },
  held: { order: 'rank', type: 'double precision', condition: `phase = 'held' AND waiting_for = 'slot'` },
};

/** Before all others. */
const FIRST: NonNullable<Place['keys']> = [0, Number.MIN_SAFE_INTEGER, ''];

/**
 * Lane by lane, so that Postgres need not guess how many tasks stand behind a lane and an order: it guessed one, and sorted half a million
 * for a page in the middle of a million.
 */
async function read(
  database: Database,
  queue: string,
  { part, keys = FIRST }: Place,
  limit: number,
): Promise<TaskSummary[]> {
  const { order, type, condition } = PARTS[part];
  const stored = await database.rows<StoredRow<TaskSummary>>(
    `SELECT page.* FROM generate_series($3::integer, ${LANES.length - 1}) AS lanes (lane) CROSS JOIN LATERAL (
       SELECT ${SUMMARY_COLUMNS} FROM tasks
       WHERE queue = $1 AND ${condition} AND lane_rank = lanes.lane
         AND ${order} >= CASE WHEN lanes.lane > $3 THEN ${FIRST[1]} ELSE $4::${type} END
         AND (lanes.lane > $3 OR (${order}, id) > ($4::${type}, $5))
       ORDER BY ${order}, id LIMIT $2
     ) AS page
     ORDER BY page.lane_rank, page.${order}, page.id LIMIT $2`,
    [queue, limit, ...keys],
  );
  return stored.map((row) => parsedRow<TaskSummary>(row));
}

function cursorAfter({ task, number }: PendingTask): string {
  const part: Part = task.turn === null ? 'held' : 'ready';
  const keys = [task.lane_rank, task[PARTS[part].order], task.id];
  return Buffer.from(JSON.stringify([part, ...keys, number + 1])).toString('base64url');
}

function decode(cursor: string): Place {
  const [part, lane, order, id, number] = parseArray(Buffer.from(cursor, 'base64url').toString());
  const isOurs =
    (part === 'ready' || part === 'held') &&
    Number.isInteger(lane) &&
    Number.isFinite(order) &&
    typeof id === 'string' &&
    Number.isSafeInteger(number);
  if (!isOurs) throw new BadCursorError();
  return { part, keys: [lane as number, order as number, id], number: number as number };
}

function parseArray(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
