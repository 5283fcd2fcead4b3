import pg from 'pg';
import { DEFAULT_SCHEMA } from './database.js';
import { valueTypes } from './value-types.js';

export interface ClientOptions {
  /** Shown in `pg_stat_activity`. */
  applicationName: string;
  /** The tables stand in this Postgres schema. Defaults to `public`. */
  schema?: string | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A step behind the projection takes tenths of a second: then the server hangs, or the way to it is cut. */
const STATEMENT_TIMEOUT_MS = 60_000;

/** A connection of its own for what is written behind the projection. Fails when Postgres is away. */
export async function openClient(
  url: string,
  { applicationName, schema = DEFAULT_SCHEMA }: ClientOptions,
): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    types: valueTypes,
    options: `-c search_path=${schema} -c synchronous_commit=off -c timezone=UTC`,
  });
  // Told by the query that fails with it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
