import pg from 'pg';
import { valueTypes } from '../database/value-types.js';

const CONNECT_TIMEOUT_MS = 5_000;
/** A statement of ours takes milliseconds: then the server hangs, or the way to it is cut. */
const STATEMENT_TIMEOUT_MS = 60_000;
/** First half of the advisory lock's key: `proj` in ASCII. */
const LOCK_CLASS = 0x70726f6a;

/** The one connection of a projection, not yet made. Commits on it do not wait for the disk: the log is the truth. */
export const projectorClient = (url: string, schema: string, name: string): pg.Client =>
  new pg.Client({
    connectionString: url,
    application_name: `millrace-projector-${name}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    types: valueTypes,
    options: `-c search_path=${schema} -c synchronous_commit=off -c timezone=UTC`,
  });

/** Whether the connection is now the one writer of the projection; the lock ends with it. */
export async function tryProjectorLock(client: pg.Client, schema: string, name: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    'SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked',
    [LOCK_CLASS, `${schema}.${name}`],
  );
  return rows[0]?.locked ?? false;
}

/** Resolves when the connection has ended, for whatever reason. */
export const endOf = (client: pg.Client): Promise<Error> =>
  new Promise((end) => {
    client.on('error', end);
    client.on('end', () => {
      end(new Error('The connection to Postgres has ended.'));
    });
  });
