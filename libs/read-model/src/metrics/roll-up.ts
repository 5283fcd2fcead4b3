import type { Client } from 'pg';
import { addMeasures, noMeasures } from './measures.js';
import type { MetricRow, MetricSpan } from './metric.entity.js';
import { keyOf, loadMetrics, metricOf, writeMetrics } from './metrics-table.js';
import type { Metric } from './metrics-table.js';
import { startOf } from './spans.js';

/** Times in ISO-8601. */
export interface RollUpOptions {
  /** Minutes that begin before are added to their hours and days. */
  before: string;
  /** Minutes that begin before, and hours and days have, are dropped. */
  minutesFrom: string;
  /** Hours that begin before are dropped. */
  hoursFrom: string;
}

export interface RolledUp {
  /** Rows of minutes that hours and days have now. */
  rolled: number;
  /** Rows of minutes and hours that were old enough to go. */
  dropped: number;
  /** Whether nothing is left to do. */
  done: boolean;
}

/** A batch of the log waits no longer than it takes to roll up so many rows. */
const ROWS_AT_ONCE = 1_000;

/**
 * Adds minutes that are over to their hours and days, and drops what is old; some rows at a time. A minute is marked in the transaction
 * that adds it, so that it is added once, whenever the writer dies. The caller sees that nobody else writes to `metrics` meanwhile.
 */
export async function rollUp(client: Client, options: RollUpOptions): Promise<RolledUp> {
  await client.query('BEGIN');
  try {
    const rolled = await rollMinutes(client, options.before);
    const minutes = await drop(client, 'minute', options.minutesFrom);
    const hours = await drop(client, 'hour', options.hoursFrom);
    await client.query('COMMIT');
    return { rolled, dropped: minutes + hours, done: Math.max(rolled, minutes, hours) < ROWS_AT_ONCE };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function rollMinutes(client: Client, before: string): Promise<number> {
  const { rows } = await client.query<MetricRow>(ROLL, [before, ROWS_AT_ONCE]);
  const minutes = rows.map(metricOf);
  const keys = (['hour', 'day'] as const).flatMap((span) =>
    minutes.map(({ at, queue, name }) => ({ span, at: startOf(span, at), queue, name })),
  );
  const above = await loadMetrics(client, [...new Map(keys.map((key) => [keyOf(key), key])).values()]);
  for (const [index, key] of keys.entries()) {
    const row: Metric = above.get(keyOf(key)) ?? { ...key, rolled: true, measures: noMeasures() };
    const minute = minutes[index % minutes.length];
    if (minute) addMeasures(row.measures, minute.measures);
    above.set(keyOf(key), row);
  }
  await writeMetrics(client, [...above.values()]);
  return rows.length;
}

const ROLL = `
  UPDATE metrics SET rolled = true
  WHERE (span, at, queue, name) IN (
    SELECT span, at, queue, name FROM metrics WHERE NOT rolled AND at < $1 ORDER BY at LIMIT $2
  ) RETURNING *`;

async function drop(client: Client, span: MetricSpan, from: string): Promise<number> {
  const { rowCount } = await client.query(
    `DELETE FROM metrics WHERE (span, at, queue, name) IN (
       SELECT span, at, queue, name FROM metrics WHERE span = $1 AND at < $2 AND rolled ORDER BY at LIMIT $3)`,
    [span, from, ROWS_AT_ONCE],
  );
  return rowCount ?? 0;
}
