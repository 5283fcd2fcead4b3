import { DEFAULT_SCHEMA } from '../database/database.js';
import { connectOnce } from './held-projection.js';
import { PROJECTION_TABLES } from './projection-tables.js';

export interface TakeOverOptions {
  /** The schema of the tables in use. Defaults to `public`. */
  live?: string;
  /** The schema of the tables that are built anew. */
  rebuilt: string;
  /** The first sequence that is read from the log. */
  below: number;
  /** Whether the archive is read, too: then only what is made of facts that it no longer has is taken over. */
  isArchiveRead: boolean;
}

/**
 * Copies rows that cannot be folded anew, because the oldest fact that they are made of is nowhere any more. Facts that they are made
 * of are older than the row, and are passed over when they come. Resolves with the number of rows.
 */
export async function takeOver(url: string, options: TakeOverOptions): Promise<number> {
  const { live = DEFAULT_SCHEMA, rebuilt, below, isArchiveRead } = options;
  const client = await connectOnce(url, 'millrace-take-over');
  let taken = 0;
  try {
    for (const { name, since } of PROJECTION_TABLES) {
      if (since === undefined) continue;
      const { rows } = await client.query<{ columns: string }>(
        `SELECT string_agg(quote_ident(column_name), ', ') AS columns
         FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2`,
        [live, name],
      );
      const columns = rows[0]?.columns ?? '*';
      const { rowCount } = await client.query(
        `INSERT INTO ${rebuilt}.${name} (${columns}) SELECT ${columns} FROM ${live}.${name} AS row
         WHERE row.${since} < $1 ${isArchiveRead ? `AND NOT EXISTS (SELECT FROM ${live}.task_events WHERE sequence = row.${since})` : ''}`,
        [below],
      );
      taken += rowCount ?? 0;
    }
    return taken;
  } finally {
    await client.end();
  }
}
