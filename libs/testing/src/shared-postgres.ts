import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { startTestPostgres } from './test-postgres.js';

/** A Postgres that others use too: a suite gets databases of its own from it, and must leave the server alone. */
export interface SharedPostgres {
  /** URL of a new, empty database. */
  readonly freshDatabase: () => Promise<string>;
  /** Ends the use of it; the server and the databases stay until the end of the run. */
  readonly stop: () => Promise<void>;
}

/**
 * The Postgres of the whole run of jest, which costs a suite nothing; outside of such a run, one of its own. A suite that kills its
 * server, halts it or counts what happens on it takes {@link startTestPostgres}.
 */
export async function shareTestPostgres(): Promise<SharedPostgres> {
  // See jest.set-up.js.
  const adminUrl = process.env.MILLRACE_TEST_POSTGRES;
  if (adminUrl === undefined) return startTestPostgres();
  return {
    async freshDatabase() {
      const name = `test_${randomBytes(8).toString('hex')}`;
      const client = new pg.Client({ connectionString: adminUrl });
      await client.connect();
      try {
        await client.query(`CREATE DATABASE ${name}`);
      } finally {
        await client.end();
      }
      return new URL(name, adminUrl).href;
    },
    stop: () => Promise.resolve(),
  };
}
