import type { Client } from 'pg';
import type { Lag } from './log-message.js';

/** The projector gives a sign of life each second: silence for longer is lag. */
const SILENCE_MS = 3_000;

/** How far a row of `projections` is behind the log, in milliseconds. It grows while the projector is silent. */
export const PROJECTION_LAG = `(lag_ms + greatest(0, floor(extract(epoch FROM now() - updated_at) * 1000) - ${SILENCE_MS}))::bigint`;

/** A sign of life while nothing is to be written. */
export async function beat(client: Client, projection: string, { lag_ms, lag_messages }: Lag): Promise<void> {
  await client.query(
    'UPDATE projections SET lag_ms = $2, lag_messages = $3, updated_at = clock_timestamp() WHERE name = $1',
    [projection, lag_ms, lag_messages],
  );
}
