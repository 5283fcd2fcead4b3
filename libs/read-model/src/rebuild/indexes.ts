import type { Database } from '../database/database.js';

interface Made {
  drop: string;
  make: string;
}

/**
 * Drops the indexes of tables that many rows are to be written into: entry by entry they cost more than all the rest. Resolves with the
 * statements that make them again, at once.
 *
 * @param options.keys whether primary keys are dropped, too
 */
export async function dropIndexes(
  database: Database,
  tables: readonly string[],
  { keys: withKeys }: { keys: boolean },
): Promise<string[]> {
  const keys = await database.rows<Made>(
    `SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS make
     FROM pg_constraint WHERE contype = 'p' AND conrelid = ANY ($1::regclass[]) AND $2`,
    [tables, withKeys],
  );
  for (const { drop } of keys) await database.rows(drop);
  const others = await database.rows<Made>(
    `SELECT format('DROP INDEX %s', indexrelid::regclass) AS drop,
       replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') AS make
     FROM pg_index WHERE indrelid = ANY ($1::regclass[]) AND NOT indisprimary`,
    [tables],
  );
  for (const { drop } of others) await database.rows(drop);
  return [...keys, ...others].map(({ make }) => make);
}
