import type { Database } from '@millrace/read-model';
import { openDatabase } from '@millrace/read-model';
import { waitUntil } from '@millrace/testing';
import type { System } from '../system/system.js';
import { lastTaskSequence } from './read-facts.js';

/** Both tables with their keys. All columns are compared, whatever they are. */
const TABLES = [
  { name: 'tasks', key: 'id' },
  { name: 'task_events', key: 'sequence' },
] as const;

const CAUGHT_UP_WITHIN_MS = 120_000;
const PAGE = 20_000;
const SHOWN = 5;

export interface RebuildResult {
  rows: number;
  faults: string[];
}

/**
 * Folds the log a second time, by a second projector into a new database, and compares both tables with those that lived through
 * everything: row by row, all columns.
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
    for (const table of TABLES) await compareTable(table, system.database, fresh, result);
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
  { name, key }: (typeof TABLES)[number],
  lived: Database,
  rebuilt: Database,
  result: RebuildResult,
): Promise<void> {
  const differences: string[] = [];
  for (let offset = 0; ; offset += PAGE) {
    // The whole row as text: a column that somebody adds tomorrow is compared too.
    const query = `SELECT ${key}::text AS key, ${name}::text AS row FROM ${name} ORDER BY ${key} LIMIT ${PAGE} OFFSET ${offset}`;
    const [ours, theirs] = await Promise.all([
      lived.rows<{ key: string; row: string }>(query),
      rebuilt.rows<{ key: string; row: string }>(query),
    ]);
    result.rows += ours.length;
    for (let at = 0; at < Math.max(ours.length, theirs.length); at++)
      if (ours[at]?.row !== theirs[at]?.row)
        differences.push(`${ours[at]?.row ?? 'nothing'}\n  rebuilt: ${theirs[at]?.row ?? 'nothing'}`);
    if (ours.length < PAGE && theirs.length < PAGE) break;
  }
  if (differences.length > 0)
    result.faults.push(
      `${name}: ${differences.length} rows differ from a rebuild:\n${differences.slice(0, SHOWN).join('\n')}`,
    );
}
