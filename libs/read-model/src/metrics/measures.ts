import type { TaskStatus } from '@millrace/domain';
import { addTo, bucketOf, merge } from './histogram.js';
import type { Histogram } from './histogram.js';

/** What is counted of the facts; docs/reference/read-model.md says what each counts. */
export const COUNTERS = [
  'submitted',
  'started',
  'completed',
  'failed',
  'retried',
  'cancelled',
  'lost',
  'paused',
  'resumed',
  'resumed_completed',
  'resumed_failed',
  'redriven',
  'reordered',
] as const;

/** By how much the number of tasks that are in a status has changed: the sum of all until a time is how many were in it then. */
export const CHANGES = [
  'in_pending',
  'in_started',
  'in_processing',
  'in_success',
  'in_failure',
  'in_retry',
  'in_revoked',
  'in_paused',
  'in_held',
  'in_delayed',
] as const;

/** How many times were measured, and their sums in microseconds. */
const SUMS = ['waits', 'wait_us', 'runs', 'run_us'] as const;

/** All columns of `metrics` that are added up. */
export const NUMBERS = [...COUNTERS, ...CHANGES, ...SUMS] as const;

export type Counter = (typeof COUNTERS)[number];
export type Change = (typeof CHANGES)[number];
export type MetricNumber = (typeof NUMBERS)[number];

/** What happened in a span of time. Any two may be added, in any order. */
export type Measures = Record<MetricNumber, number> & {
  /** From a task's turn to its start. */
  wait: Histogram;
  /** Of attempts that succeeded or failed. */
  run: Histogram;
};

/** The change that tells of a status. */
export const CHANGE_OF: Record<TaskStatus, Change> = {
  PENDING: 'in_pending',
  STARTED: 'in_started',
  PROCESSING: 'in_processing',
  SUCCESS: 'in_success',
  FAILURE: 'in_failure',
  RETRY: 'in_retry',
  REVOKED: 'in_revoked',
  PAUSED: 'in_paused',
};

/** Ten years: a duration that is longer was never measured. */
const LONGEST_US = 10 * 365 * 86_400 * 1e6;

const ZEROS = Object.fromEntries(NUMBERS.map((number) => [number, 0])) as Record<MetricNumber, number>;

export const noMeasures = (): Measures => ({ ...ZEROS, wait: new Map(), run: new Map() });

/** A copy, which may be added to. */
export const copyOf = (measures: Measures): Measures => ({
  ...measures,
  wait: new Map(measures.wait),
  run: new Map(measures.run),
});

/** Adds all of the second to the first, or takes it away with -1 as the factor. */
export function addMeasures(into: Measures, measures: Measures, factor = 1): void {
  for (const number of NUMBERS) into[number] += factor * measures[number];
  merge(into.wait, measures.wait, factor);
  merge(into.run, measures.run, factor);
}

export const isNothing = (measures: Measures): boolean =>
  NUMBERS.every((number) => measures[number] === 0) && measures.wait.size === 0 && measures.run.size === 0;

export function addWait(measures: Measures, milliseconds: number): void {
  const microseconds = wholeMicroseconds(milliseconds);
  measures.waits++;
  measures.wait_us += microseconds;
  addTo(measures.wait, bucketOf(microseconds), 1);
}

export function addRun(measures: Measures, milliseconds: number): void {
  const microseconds = wholeMicroseconds(milliseconds);
  measures.runs++;
  measures.run_us += microseconds;
  addTo(measures.run, bucketOf(microseconds), 1);
}

/** Whole, so that sums are the same in whatever order they are made; clocks of two machines may say that an end was before its start. */
const wholeMicroseconds = (milliseconds: number): number =>
  Math.min(LONGEST_US, Math.max(0, Math.round(milliseconds * 1000) || 0));
