import type { Client } from 'pg';
import { binaryArray } from '../projections/binary-arrays.js';
import type { ColumnType } from '../tasks/task.columns.js';
import { columnsOf, histogramOf } from './histogram.js';
import type { HistogramColumns } from './histogram.js';
import { NUMBERS } from './measures.js';
import type { Measures, MetricNumber } from './measures.js';
import type { MetricRow, MetricSpan } from './metric.entity.js';

/** Which row. */
export interface MetricKey {
  span: MetricSpan;
  at: string;
  queue: string;
  name: string;
}

/** A row as it is in the table, or is to be. */
export interface Metric extends MetricKey {
  rolled: boolean;
  measures: Measures;
}

export const keyOf = ({ span, at, queue, name }: MetricKey): string => `${span} ${at} ${queue} ${name}`;

/** The rows that are there, of those that are asked for, by {@link keyOf}. */
export async function loadMetrics(client: Client, keys: readonly MetricKey[]): Promise<Map<string, Metric>> {
  if (keys.length === 0) return new Map();
  const { rows } = await client.query<MetricRow>({
    name: 'load-metrics',
    text: LOAD,
    values: (['span', 'at', 'queue', 'name'] as const).map((column) => keys.map((key) => key[column])),
  });
  return new Map(rows.map(metricOf).map((metric) => [keyOf(metric), metric]));
}

/** Writes rows, whatever is there. */
export async function writeMetrics(client: Client, metrics: readonly Metric[]): Promise<void> {
  if (metrics.length === 0) return;
  const rows = metrics.map(writtenRow);
  await client.query({
    name: 'write-metrics',
    text: WRITE,
    values: columns.map(([column, type]) => binaryArray(type, rows.map(CELLS[column]))),
  });
}

/** Takes rows away. */
export async function removeMetrics(client: Client, keys: readonly MetricKey[]): Promise<void> {
  if (keys.length === 0) return;
  await client.query(
    `DELETE FROM metrics WHERE (span, at, queue, name) IN (SELECT * FROM ${KEYS})`,
    (['span', 'at', 'queue', 'name'] as const).map((column) => keys.map((key) => key[column])),
  );
}

/** A row as Postgres returned it. */
export function metricOf(row: MetricRow): Metric {
  const { span, at, queue, name, rolled } = row;
  const numbers = Object.fromEntries(NUMBERS.map((number) => [number, row[number]])) as Record<
    MetricNumber,
    number
  >;
  const wait = histogramOf({ buckets: row.wait_buckets, counts: row.wait_counts });
  const run = histogramOf({ buckets: row.run_buckets, counts: row.run_counts });
  return { span, at, queue, name, rolled, measures: { ...numbers, wait, run } };
}

const KEYS = 'unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[])';
const LOAD = `SELECT metrics.* FROM ${KEYS} AS asked (span, at, queue, name) JOIN metrics USING (span, at, queue, name)`;

type Written = 'boolean' | 'bigint' | 'text' | 'timestamptz';

const NUMBER_COLUMNS = Object.fromEntries(NUMBERS.map((number) => [number, 'bigint'])) as Record<
  MetricNumber,
  Written
>;

/** Histograms travel as texts, for unnest would take an array of arrays apart down to its last element. */
const COLUMNS: Record<keyof MetricRow, Written> = {
  span: 'text',
  at: 'timestamptz',
  queue: 'text',
  name: 'text',
  rolled: 'boolean',
  ...NUMBER_COLUMNS,
  wait_buckets: 'text',
  wait_counts: 'text',
  run_buckets: 'text',
  run_counts: 'text',
};
const columns = Object.entries(COLUMNS) as [keyof MetricRow, ColumnType][];

const ARRAYS: Partial<Record<keyof MetricRow, string>> = {
  wait_buckets: 'smallint[]',
  wait_counts: 'integer[]',
  run_buckets: 'smallint[]',
  run_counts: 'integer[]',
};
const names = columns.map(([column]) => column).join(', ');

const WRITE = `INSERT INTO metrics (${names})
  SELECT ${columns.map(([column]) => (ARRAYS[column] ? `${column}::${ARRAYS[column]}` : column)).join(', ')}
  FROM unnest(${columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')}) AS metric (${names})
  ON CONFLICT (span, at, queue, name) DO UPDATE SET ${columns
    .filter(([column]) => !['span', 'at', 'queue', 'name'].includes(column))
    .map(([column]) => `${column} = excluded.${column}`)
    .join(', ')}`;

const NUMBER_CELLS = Object.fromEntries(
  NUMBERS.map((number) => [number, ({ measures }: Metric) => measures[number]]),
) as Record<MetricNumber, (metric: Metric) => number>;

/** A row with its histograms as they are written. */
interface WrittenRow extends Metric {
  wait: HistogramColumns;
  run: HistogramColumns;
}

const writtenRow = (metric: Metric): WrittenRow => ({
  ...metric,
  wait: columnsOf(metric.measures.wait),
  run: columnsOf(metric.measures.run),
});

const CELLS: Record<keyof MetricRow, (row: WrittenRow) => string | number> = {
  span: ({ span }) => span,
  at: ({ at }) => at,
  queue: ({ queue }) => queue,
  name: ({ name }) => name,
  rolled: ({ rolled }) => Number(rolled),
  ...NUMBER_CELLS,
  wait_buckets: ({ wait }) => literal(wait.buckets),
  wait_counts: ({ wait }) => literal(wait.counts),
  run_buckets: ({ run }) => literal(run.buckets),
  run_counts: ({ run }) => literal(run.counts),
};

const literal = (numbers: number[]): string => `{${numbers.join(',')}}`;
