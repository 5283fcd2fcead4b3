import type { Database } from '@millrace/read-model';
import { openDatabase } from '@millrace/read-model';
import { waitUntil } from '@millrace/testing';
import type { System } from '../system/system.js';
import { lastTaskSequence } from './read-facts.js';

/** A table that is compared. */
interface Table {
  name: string;
  /** Its rows, where not all of them. */
  from?: string;
  key: string;
  /** The whole row as text, unless something else is said: a column that somebody adds tomorrow is compared too. */
  row?: string;
  /** Tells how old a row is. */
  since: string;
}

const TABLES: readonly Table[] = [
  { name: 'tasks', key: 'id', since: 'first_sequence' },
  { name: 'task_events', key: 'sequence', since: 'sequence' },
  { name: 'failures', key: 'sequence', since: 'first_sequence' },
  {
    name: 'metrics',
    from: `metrics WHERE span = 'minute'`,
    key: `concat_ws(' ', at, queue, name)`,
    // When a minute is added to its hour is a matter of time.
    row: `(to_jsonb(metrics) - 'rolled')`,
    // Counts of what has left the log cannot be counted again.
    since: '1',
  },
];

const CAUGHT_UP_WITHIN_MS = 120_000;
const SHOWN = 5;

export interface RebuildResult {
  rows: number;
  faults: string[];
}

/**
 * Folds the log a second time, by a second projector into a new database, and compares the tables with those that lived through
 * everything: row by row, all columns. What leans on facts that have left the log cannot be folded again, and is left out.
 */
export async function compareWithRebuild(system: System): Promise<RebuildResult> {
  const url = await system.postgres.freshDatabase();
  const fresh = openDatabase(url, { applicationName: 'rebuild' });
  const projector = system.startAnother('projector', { DATABASE_URL: url });
  try {
    const last = await lastTaskSequence(system.log);
    await caughtUp(system.database, last, 'the projection');
    await caughtUp(fresh, last, `the rebuild; it wrote:\n${projector.output().slice(-20).join('\n')}`);
    const result: RebuildResult = { rows: 0, faults: [] };
    const { firstSequence } = await system.log.admin.state();
    for (const table of TABLES) await compareTable(table, system.database, fresh, firstSequence, result);
    return result;
  } finally {
    await projector.kill();
    await fresh.close();
  }
}

/** Waits until everything about tasks up to the sequence is in the tables. */
export const caughtUp = (database: Database, sequence: number, what: string): Promise<unknown> =>
  waitUntil(async () => (await projectedTo(database)) >= sequence, {
    timeoutMs: CAUGHT_UP_WITHIN_MS,
    every: 50,
    what: `${what} up to ${sequence}`,
  });

async function projectedTo(database: Database): Promise<number> {
  const [row] = await database.rows<{ sequence: number }>(
    `SELECT sequence FROM projections WHERE name = 'tasks'`,
  );
  return row?.sequence ?? 0;
}

async function compareTable(
  { name, key, since, from = name, row = name }: Table,
  lived: Database,
  rebuilt: Database,
  firstSequence: number,
  result: RebuildResult,
): Promise<void> {
  const query = `SELECT ${key}::text AS key, ${row}::text AS row, ${since} >= $1 AS is_whole FROM ${from}`;
  const [ours, theirs] = await Promise.all([
    rowsOf(lived, query, firstSequence),
    rowsOf(rebuilt, query, firstSequence),
  ]);
  const differences: string[] = [];
  for (const [id, { row, is_whole }] of ours) {
    if (!is_whole) continue;
    result.rows++;
    const other = theirs.get(id)?.row ?? 'nothing';
    if (other !== row) differences.push(`${row}\n  rebuilt: ${other}`);
  }
  for (const [id, { row }] of theirs) if (!ours.has(id)) differences.push(`nothing\n  rebuilt: ${row}`);
  if (differences.length > 0)
    result.faults.push(
      `${name}: ${differences.length} rows differ from a rebuild:\n${differences.slice(0, SHOWN).join('\n')}`,
    );
}

interface Row {
  key: string;
  row: string;
  is_whole: boolean;
}

async function rowsOf(database: Database, query: string, firstSequence: number): Promise<Map<string, Row>> {
  const rows = await database.rows<Row>(query, [firstSequence]);
  return new Map(rows.map((row) => [row.key, row]));
}
