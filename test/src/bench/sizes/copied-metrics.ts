import type { Database } from '@millrace/read-model';
import type { Block } from './copies.js';

/** Copies are whole hours apart, and a block ends before the next one begins: its rows of minutes and hours are theirs. */
export async function copyMetrics(
  database: Database,
  { schema }: Block,
  { shiftsMs, minutesFromMs }: { shiftsMs: readonly number[]; minutesFromMs: number },
): Promise<void> {
  const columns = await database.rows<{ column: string }>(
    `SELECT attname AS column FROM pg_attribute WHERE attrelid = 'metrics'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  );
  const names = columns.map(({ column }) => column);
  const others = names.filter((name) => name !== 'at').join(', ');
  await database.rows(
    `INSERT INTO metrics (at, ${others})
     SELECT at + shift * interval '1 millisecond', ${others} FROM ${schema}.metrics CROSS JOIN unnest($1::bigint[]) AS shift
     WHERE span = 'hour' OR span = 'minute' AND at + shift * interval '1 millisecond' >= $2`,
    [shiftsMs, new Date(minutesFromMs)],
  );
  await database.rows(addDays(names));
}

/** Of the hours, as the roll-up would add them. */
function addDays(names: readonly string[]): string {
  const KEY = ['day', 'queue', 'name'];
  const numbers = names.filter((name) => !/^(span|at|queue|name|rolled|\w+_(buckets|counts))$/.test(name));
  const histogram = (what: string): string => `
    ${what} AS (
      SELECT ${KEY.join(', ')}, array_agg(bucket ORDER BY bucket) AS ${what}_buckets, array_agg(count ORDER BY bucket) AS ${what}_counts
      FROM (
        SELECT ${KEY.join(', ')}, bucket, sum(count)::integer AS count
        FROM hours CROSS JOIN LATERAL unnest(${what}_buckets, ${what}_counts) AS counted (bucket, count)
        GROUP BY ${KEY.join(', ')}, bucket
      ) AS added GROUP BY ${KEY.join(', ')}
    )`;
  return `
    WITH hours AS (SELECT *, date_trunc('day', at, 'UTC') AS day FROM metrics WHERE span = 'hour'),
    ${['wait', 'run'].map(histogram).join(',')}
    INSERT INTO metrics (span, at, queue, name, rolled, ${numbers.join(', ')}, wait_buckets, wait_counts, run_buckets, run_counts)
    SELECT 'day', day, queue, name, true, ${numbers.map((number) => `sums.${number}`).join(', ')},
      coalesce(wait_buckets, '{}'), coalesce(wait_counts, '{}'), coalesce(run_buckets, '{}'), coalesce(run_counts, '{}')
    FROM (
      SELECT ${KEY.join(', ')}, ${numbers.map((number) => `sum(${number})::bigint AS ${number}`).join(', ')}
      FROM hours GROUP BY ${KEY.join(', ')}
    ) AS sums LEFT JOIN wait USING (${KEY.join(', ')}) LEFT JOIN run USING (${KEY.join(', ')})`;
}
