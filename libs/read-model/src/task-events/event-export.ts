import type { Database } from '../database/database.js';
import { sequenceAt } from './sequence-at.js';

/** Which facts are exported. */
export interface ExportFilter {
  /** Facts from this time on. */
  from: string;
  /** Facts up to this time, exclusive. */
  to: string;
  queue?: string | undefined;
  task_name?: string | undefined;
}

/** A fact as it is exported: its data is JSON as the log had it, and is not parsed. */
export interface ExportedFact {
  sequence: number;
  task_id: string;
  queue: string;
  kind: string;
  at: string;
  actor: string;
  event_id: string;
  prev: number;
  data: string;
}

/** Facts that are read at once: each may have half a megabyte. */
const PAGE = 200;
/** Sequences that are looked through at once, so that no question takes long, however few facts the filter leaves over. */
const SPAN = 50_000;
/** Writers' clocks may be behind each other by so much. */
const CLOCKS_MS = 3_600_000;

/**
 * The facts of a span of time, in the order of the log, a page at a time: the next one is read when it is asked for, so that memory is
 * bounded, nothing is held open in between, and who stops asking stops it. What is projected meanwhile is left out.
 */
export async function* exportFacts(
  database: Database,
  { from, to, queue, task_name }: ExportFilter,
): AsyncGenerator<ExportedFact[]> {
  const last = await sequenceAt(database, to);
  let after = await sequenceAt(database, new Date(Date.parse(from) - CLOCKS_MS));
  while (after < last) {
    const end = Math.min(after + SPAN, last);
    const page = await database.rows<ExportedFact>(
      `SELECT sequence, task_id, queue, kind, at, actor, event_id, prev, data FROM task_events
       WHERE sequence > $1 AND sequence <= $2 AND at >= $3 AND at < $4
         AND ($5::text IS NULL OR queue = $5)
         AND ($6::text IS NULL OR EXISTS (SELECT FROM tasks WHERE tasks.id = task_id AND tasks.name = $6))
       ORDER BY sequence LIMIT ${PAGE}`,
      [after, end, from, to, queue ?? null, task_name ?? null],
    );
    after = page.length === PAGE ? (page.at(-1)?.sequence ?? end) : end;
    if (page.length > 0) yield page;
  }
}
