import pg from 'pg';
import { valueTypes } from '../database/value-types.js';

/** The row of a projection. */
export interface HeldOffset {
  sequence: number;
  fingerprint: string;
  stream_created_at: string;
  ignored: number;
  generation: number;
  version: string;
}

/** What the rebuild began beside is not there any more. */
export class TablesChangedError extends Error {
  override readonly name = 'TablesChangedError';

  constructor() {
    super('The tables in use were taken back or exchanged since the rebuild began: begin again.');
  }
}

/** While a projection is held. */
export interface Hold {
  /** The holding transaction. */
  client: pg.Client;
  offset: HeldOffset;
}

const HOLD_WITHIN_MS = 15_000;

/** A connection for one piece of work. Fails when Postgres is away. */
export async function connectOnce(url: string, application_name: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name, types: valueTypes });
  // Told by the query that fails with it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/**
 * Keeps the projector from writing while something is done, in one transaction; readers are not kept from anything. Every batch moves
 * the offset: whoever holds that table holds the projection.
 *
 * @throws TablesChangedError when they are not of the generation
 * @throws when the batch in hand is not written within 15 s
 */
export async function whileHeld<T>(
  url: string,
  { schema, generation }: { schema: string; generation: number },
  work: (hold: Hold) => Promise<T>,
): Promise<T> {
  const client = await connectOnce(url, 'millrace-hold');
  try {
    await client.query('BEGIN');
    await client.query(`SET LOCAL lock_timeout = ${HOLD_WITHIN_MS}`);
    await client.query(`LOCK TABLE ${schema}.projections IN SHARE ROW EXCLUSIVE MODE`);
    const { rows } = await client.query<HeldOffset>(
      `SELECT sequence, fingerprint, stream_created_at, ignored, generation, version
       FROM ${schema}.projections WHERE name = 'tasks'`,
    );
    const offset = rows[0] ?? NOT_BEGUN;
    if (offset.generation !== generation) throw new TablesChangedError();
    const result = await work({ client, offset });
    await client.query('COMMIT');
    return result;
  } finally {
    await client.end();
  }
}

const NOT_BEGUN: HeldOffset = {
  sequence: 0,
  fingerprint: '',
  stream_created_at: '',
  ignored: 0,
  generation: 0,
  version: '',
};
