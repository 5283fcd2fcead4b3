import type { Database } from '../database/database.js';

/**
 * The greatest sequence of which the fact has a time at or before the given one: the state at that time is the fold of all facts up to
 * there. 0 before the first fact. Takes milliseconds, however large the archive is.
 */
export async function sequenceAt(database: Database, time: Date | string): Promise<number> {
  const [row] = await database.rows<{ sequence: number }>('SELECT archive_sequence_at($1) AS sequence', [
    time,
  ]);
  return row?.sequence ?? 0;
}
