import pg from 'pg';

/** Removes a Postgres schema and all tables in it, if it is there. */
export const dropSchema = (url: string, schema: string): Promise<void> =>
  runOnce(url, `DROP SCHEMA IF EXISTS ${pg.escapeIdentifier(schema)} CASCADE`);

/** Fails when the one is not there, or the other is. */
export const renameSchema = (url: string, from: string, to: string): Promise<void> =>
  runOnce(url, `ALTER SCHEMA ${pg.escapeIdentifier(from)} RENAME TO ${pg.escapeIdentifier(to)}`);

async function runOnce(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
