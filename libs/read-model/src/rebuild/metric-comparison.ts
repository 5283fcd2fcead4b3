import { NUMBERS } from '../metrics/measures.js';

/**
 * Compares minutes, number by number: how many rows are in use, and what differs, as (key, live, rebuilt). Hours and days are sums of them.
 * Left out are minutes that were dropped already, and those in which a task had a fact whose beginning has left the log: `$1` is the first
 * sequence that it has.
 */
export const comparedMetrics = (live: string, rebuilt: string): string => `
  WITH partial AS (
    SELECT DISTINCT date_trunc('minute', at, 'UTC') AS at FROM ${live}.task_events AS event
    WHERE sequence >= $1 AND EXISTS (
      SELECT FROM ${live}.task_events AS earlier WHERE earlier.task_id = event.task_id AND earlier.sequence < $1)
    UNION SELECT date_trunc('minute', at, 'UTC') FROM ${live}.task_events WHERE sequence < $1
  ), live AS (${valuesIn(live)}), rebuilt AS (${valuesIn(rebuilt)})
  SELECT concat_ws(' ', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), queue, name, what) AS key,
    live.value::text AS live, rebuilt.value::text AS rebuilt, count(*) OVER () AS different
  FROM live FULL JOIN rebuilt USING (at, queue, name, what)
  WHERE live.value IS DISTINCT FROM rebuilt.value AND at NOT IN (SELECT at FROM partial)
    AND at >= coalesce((SELECT min(at) FROM ${live}.metrics WHERE span = 'minute' AND rolled), '-infinity')
  ORDER BY 1`;

function valuesIn(schema: string): string {
  const numbers = NUMBERS.map((number) => `('${number}', ${number})`).join(', ');
  return `
    SELECT at, queue, name, what, value FROM ${schema}.metrics CROSS JOIN LATERAL (
      SELECT * FROM (VALUES ${numbers}) AS numbers
      UNION ALL SELECT 'wait ' || bucket, count FROM unnest(wait_buckets, wait_counts) AS waits (bucket, count)
      UNION ALL SELECT 'run ' || bucket, count FROM unnest(run_buckets, run_counts) AS runs (bucket, count)
    ) AS measured (what, value)
    WHERE span = 'minute' AND value <> 0`;
}
