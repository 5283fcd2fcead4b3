import { ALERT_METRICS } from './metrics.js';
import type { AlertUnit } from './metrics.js';
import type { AlertRule, Severity } from './rule.js';

/** What an alert is about; empty: the whole system. */
export interface AlertScope {
  queue?: string | undefined;
  task_name?: string | undefined;
  task_id?: string | undefined;
  worker_id?: string | undefined;
}

/** A measure as it is now. */
export interface AlertSample {
  scope: AlertScope;
  value: number;
  /** Of how many a rate is made. */
  count?: number | undefined;
  /** More about it, for whoever is told. */
  detail?: Record<string, unknown> | undefined;
  /** Instead of that of the rule. */
  message?: string | undefined;
}

/** What is known of one rule and scope: an alert, or what may become one. Times are milliseconds since the epoch. */
export interface AlertState {
  key: string;
  rule: string;
  scope: AlertScope;
  /** Null while it was not raised. */
  severity: Severity | null;
  /** The worst since it was raised. */
  worst: Severity | null;
  raised_at: number | null;
  /** Since when the measure is on the other side of a threshold than `severity` says. */
  turned: { warning?: number | undefined; critical?: number | undefined };
  value: number;
  /** The threshold that it has crossed; null when it is over. */
  threshold: number | null;
  count?: number | undefined;
  message: string;
  detail?: Record<string, unknown> | undefined;
  /** When this was last written. */
  seen_at: number;
}

/** Where an alert is kept: one for each rule and scope. */
export function alertKey(rule: string, scope: AlertScope): string {
  const { queue, task_name, task_id, worker_id } = scope;
  const parts = Object.entries({ queue, task_name, task_id, worker_id });
  return [rule, ...parts.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))].join(
    '.',
  );
}

/** The sentence of an alert, with what it speaks of filled in. */
export function alertMessage(rule: AlertRule, sample: AlertSample, threshold: number | null): string {
  const { unit } = ALERT_METRICS[rule.metric];
  const words: Record<string, string | undefined> = {
    ...sample.scope,
    value: quantity(sample.value, unit),
    threshold: threshold === null ? undefined : quantity(threshold, unit),
    count: sample.count === undefined ? undefined : String(sample.count),
  };
  return (sample.message ?? rule.message).replaceAll(
    /\{(\w+)\}/g,
    (whole, word: string) => words[word] ?? whole,
  );
}

function quantity(value: number, unit: AlertUnit): string {
  if (unit === 'percent') return `${rounded(value, 2)} %`;
  if (unit === 'seconds') return `${Math.round(value)} seconds`;
  if (unit === 'bytes') return `${rounded(value / 1024 ** 3, 2)} GB`;
  return `${value} ${value === 1 ? 'task' : 'tasks'}`;
}

const rounded = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;
