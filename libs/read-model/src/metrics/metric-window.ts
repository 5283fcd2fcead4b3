import type { Plan } from './window-pieces.js';

/** Of which queue and task name; of all by default. */
export interface MetricScope {
  queue?: string | undefined;
  name?: string | undefined;
}

/**
 * The rows that a window consists of: those of the pieces, and minutes that hours and days do not have yet. `OFFSET 0` keeps each piece a
 * walk of the primary key of its own: joined, they look to Postgres like the whole table.
 */
export const CHOSEN = `
  WITH chosen AS (
    SELECT of_piece.* FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS piece (span, since, until)
    CROSS JOIN LATERAL (
      SELECT * FROM metrics WHERE span = piece.span AND at >= piece.since AND at < piece.until
        AND ($6::text IS NULL OR queue = $6) AND ($7::text IS NULL OR name = $7)
      OFFSET 0) AS of_piece
    UNION ALL
    SELECT * FROM metrics WHERE NOT rolled AND at >= $4::timestamptz AND at < $5::timestamptz
      AND ($6::text IS NULL OR queue = $6) AND ($7::text IS NULL OR name = $7)
  )`;

/** The parameters of {@link CHOSEN}. */
export const chosenValues = (
  { pieces, open }: Pick<Plan, 'pieces' | 'open'>,
  { queue, name }: MetricScope,
): unknown[] => [
  pieces.map(({ span }) => span),
  pieces.map(({ from }) => sqlTime(from)),
  pieces.map(({ to }) => sqlTime(to)),
  sqlTime(open.from),
  sqlTime(open.to),
  queue ?? null,
  name ?? null,
];

/** From when on minutes and hours are there; when there are none, from the end of what is. */
export const EARLIEST = `
  SELECT coalesce(
      (SELECT min(at) FROM metrics WHERE span = 'minute' AND rolled),
      (SELECT max(at) + interval '1 hour' FROM metrics WHERE span = 'hour'),
      (SELECT max(at) + interval '1 day' FROM metrics WHERE span = 'day')) AS minutes,
    coalesce(
      (SELECT min(at) FROM metrics WHERE span = 'hour'),
      (SELECT max(at) + interval '1 day' FROM metrics WHERE span = 'day')) AS hours`;

const sqlTime = (time: number): string =>
  time === -Infinity ? '-infinity' : time === Infinity ? 'infinity' : new Date(time).toISOString();
