import pg from 'pg';
import { DEFAULT_SCHEMA } from './database.js';

export interface MigrateOptions {
  /** The Postgres schema the tables stand in; made when missing. Defaults to `public`. */
  schema?: string;
}

/** Any number that nobody else locks: `mill` in ASCII. */
const MIGRATION_LOCK = 0x6d696c6c;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Brings the tables up to date; the database must exist. Several processes may do it at once: they take turns by an advisory lock, and
 * the later ones find nothing to do. Resolves with the names of the migrations that were run.
 */
export async function migrate(
  url: string,
  { schema = DEFAULT_SCHEMA }: MigrateOptions = {},
): Promise<string[]> {
  const lock = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // Told by the query that fails with it.
  lock.on('error', () => undefined);
  await lock.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await lock.query(`CREATE SCHEMA IF NOT EXISTS ${lock.escapeIdentifier(schema)}`);
    return await runMigrations(url, schema);
  } finally {
    await lock.end();
  }
}

async function runMigrations(url: string, schema: string): Promise<string[]> {
  // Only who migrates pays for TypeORM: 25 MB and 0.4 s that the other processes save.
  const { dataSourceOf } = await import('./data-source.js');
  const source = await dataSourceOf(url, schema).initialize();
  try {
    return (await source.runMigrations({ transaction: 'all' })).map(({ name }) => name);
  } finally {
    await source.destroy();
  }
}
