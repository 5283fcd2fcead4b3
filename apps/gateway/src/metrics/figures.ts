import { CHANGE_OF, addMeasures, noMeasures, quantile } from '@millrace/read-model';
import type { Histogram, Measures, MetricGroup } from '@millrace/read-model';
import { STATUSES } from '@millrace/domain';
import type { StatusCounts } from './task-stats.schema.js';

/** Percentiles in seconds. */
export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
}

const MICROSECONDS = 1e6;

/** The share in percent, with two decimals; 0 of nothing. */
export const percentOf = (part: number, whole: number): number =>
  whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 100;

/** Microseconds as seconds, to the microsecond. */
export const secondsOf = (microseconds: number): number => Math.round(microseconds) / MICROSECONDS;

/** Null without any values. */
export function percentilesOf(histogram: Histogram): Percentiles | null {
  const at = (share: number): number => secondsOf(quantile(histogram, share) ?? 0);
  return histogram.size === 0 ? null : { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

export function sumOf(groups: readonly Pick<MetricGroup, 'measures'>[]): Measures {
  const sum = noMeasures();
  for (const { measures } of groups) addMeasures(sum, measures);
  return sum;
}

/** Sums by the queue or the name, in its order. */
export function sumsBy(groups: readonly MetricGroup[], key: 'queue' | 'name'): [string, Measures][] {
  const keys = [...new Set(groups.map((group) => group[key]))].sort();
  return keys.map((value) => [value, sumOf(groups.filter((group) => group[key] === value))]);
}

export const statusCounts = (measures: Measures): StatusCounts =>
  Object.fromEntries(STATUSES.map((status) => [status, measures[CHANGE_OF[status]]])) as StatusCounts;

export const ended = ({ completed, failed, cancelled }: Measures): number => completed + failed + cancelled;

export const running = ({ in_started, in_processing }: Measures): number => in_started + in_processing;

export const waiting = ({ in_pending, in_retry }: Measures): number => in_pending + in_retry;
