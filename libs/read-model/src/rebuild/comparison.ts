import type pg from 'pg';
import { DEFAULT_SCHEMA } from '../database/database.js';
import { connectOnce, whileHeld } from './held-projection.js';
import { ARCHIVE_TABLE, PROJECTION_TABLES } from './projection-tables.js';
import type { ProjectionTable } from './projection-tables.js';

export interface CompareOptions {
  /** The schema of the tables that were built anew. */
  rebuilt: string;
  /** The schema of the tables in use. Defaults to `public`. */
  live?: string;
  /** Of the tables in use, when the rebuild began. */
  generation: number;
  /** Rows that are made of facts before this sequence were not built anew and are left out. */
  from: number;
  /** The same for the archive. Defaults to `from`. */
  archiveFrom?: number;
  /** For tables whose rows may be made of any fact: the first that was folded; without it they are left out. */
  foldedFrom?: number;
  /** Brings the rebuilt tables to the sequence at which the live ones are held. */
  catchUp: (sequence: number) => Promise<void>;
}

/** How two builds of the read models differ. */
export interface Comparison {
  /** Both were compared as of this sequence. */
  sequence: number;
  /** By table. */
  tables: Record<string, TableComparison>;
}

export interface TableComparison {
  /** Rows in the tables in use. */
  rows: number;
  /** Rows that are not the same in all columns, or are in one table only. */
  different: number;
  /** Some of them: the row in use and the one that was built anew, as Postgres writes a row; null where there is none. */
  examples: { key: string; live: string | null; rebuilt: string | null }[];
}

const EXAMPLES = 5;

/**
 * Compares tables in use with rebuilt ones, in all columns, as of one moment. The projector waits until both are at the same sequence,
 * and no longer; readers wait for nothing.
 *
 * @throws TablesChangedError
 */
export async function compareRebuilt(url: string, options: CompareOptions): Promise<Comparison> {
  const {
    live = DEFAULT_SCHEMA,
    rebuilt,
    generation,
    from,
    archiveFrom = from,
    foldedFrom,
    catchUp,
  } = options;
  const client = await connectOnce(url, 'millrace-compare');
  try {
    const sequence = await whileHeld(url, { schema: live, generation }, async ({ offset }) => {
      await catchUp(offset.sequence);
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      // The snapshot is that of the first statement.
      await client.query('SELECT 1');
      return offset.sequence;
    });
    const tables: Comparison['tables'] = {};
    for (const table of PROJECTION_TABLES) {
      const first = table.since === undefined ? foldedFrom : from;
      if (first !== undefined)
        tables[table.name] = await compareTable(client, { table, live, rebuilt, from: first });
    }
    const archive = { table: ARCHIVE_TABLE, live, rebuilt, from: archiveFrom };
    tables[ARCHIVE_TABLE.name] = await compareTable(client, archive);
    return { sequence, tables };
  } finally {
    await client.end();
  }
}

/** What differs, as the FROM and WHERE of a query; $1 is the first sequence that counts. */
export function differing({ name, key, since }: ProjectionTable, live: string, rebuilt: string): string {
  const isNew = since === undefined ? '$1 IS NOT NULL' : `(live.${since} IS NULL OR live.${since} >= $1)`;
  return `FROM ${live}.${name} AS live FULL JOIN ${rebuilt}.${name} AS rebuilt USING (${key.join(', ')})
     WHERE live::text IS DISTINCT FROM rebuilt::text AND ${isNew}`;
}

async function compareTable(
  client: pg.Client,
  { table, live, rebuilt, from }: { table: ProjectionTable; live: string; rebuilt: string; from: number },
): Promise<TableComparison> {
  const { name, comparison } = table;
  const differences = comparison?.differences ?? comparedRows(table);
  const { rows: counted } = await client.query<{ rows: number }>(
    `SELECT count(*) AS rows FROM ${live}.${name} WHERE ${comparison?.counted ?? 'TRUE'}`,
  );
  const { rows } = await client.query<TableComparison['examples'][number] & { different: number }>(
    `${differences(live, rebuilt)} LIMIT ${EXAMPLES}`,
    [from],
  );
  return {
    rows: counted[0]?.rows ?? 0,
    different: rows[0]?.different ?? 0,
    examples: rows.map(({ key, live, rebuilt }) => ({ key, live, rebuilt })),
  };
}

/** Whole rows are compared as text, since JSON has no equality: it must be the same to the letter. */
const comparedRows =
  (table: ProjectionTable) =>
  (live: string, rebuilt: string): string =>
    `SELECT concat_ws(' ', ${table.key.join(', ')}) AS key, live::text AS live, rebuilt::text AS rebuilt,
       count(*) OVER () AS different
     ${differing(table, live, rebuilt)} ORDER BY 1`;
