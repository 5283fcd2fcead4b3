import type { Client } from 'pg';

const ROWS_AT_ONCE = 1_000;

/**
 * The first sequence that is kept when what is older than the time goes, looking at the oldest so many rows: from there on the archive has
 * all. Undefined when none is old enough.
 */
export async function firstKeptNote(client: Client, before: Date): Promise<number | undefined> {
  const { rows } = await client.query<{ sequence: number; is_old: boolean }>(
    'SELECT sequence, at < $1 AS is_old FROM ops_events ORDER BY sequence LIMIT $2',
    [before, ROWS_AT_ONCE],
  );
  const kept = rows.find(({ is_old }) => !is_old)?.sequence ?? (rows.at(-1)?.sequence ?? 0) + 1;
  return rows[0]?.is_old ? kept : undefined;
}

/** Removes notes before a sequence, with the commands that they tell of. Resolves with their number. */
export async function removeNotes(client: Client, before: number): Promise<number> {
  const { rows } = await client.query<{ notes: number }>(
    `WITH commands AS (DELETE FROM audit_commands WHERE sequence < $1),
       notes AS (DELETE FROM ops_events WHERE sequence < $1 RETURNING 1)
     SELECT count(*) AS notes FROM notes`,
    [before],
  );
  return rows[0]?.notes ?? 0;
}

/** The same for notes that the stream lost before a time. */
export async function removeLostNotes(client: Client, before: Date): Promise<void> {
  await client.query('DELETE FROM lost_ops_events WHERE lost_at < $1', [before]);
}
