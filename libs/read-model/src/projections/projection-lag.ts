/** The projector gives a sign of life each second: silence for longer is lag. */
const SILENCE_MS = 3_000;

/** How far a row of `projections` is behind the log, in milliseconds. It grows while the projector is silent. */
export const PROJECTION_LAG = `(lag_ms + greatest(0, floor(extract(epoch FROM now() - updated_at) * 1000) - ${SILENCE_MS}))::bigint`;
