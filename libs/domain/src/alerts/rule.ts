import type { AlertMetric } from './metrics.js';

/** From the least to the worst. */
export const SEVERITIES = ['warning', 'critical'] as const;

/** How bad an alert is. */
export type Severity = (typeof SEVERITIES)[number];

/** When somebody must be told of a measure. */
export interface AlertRule {
  name: string;
  metric: AlertMetric;
  /** Only what belongs to this queue. */
  queue?: string | undefined;
  /** Only tasks of this name. */
  task_name?: string | undefined;
  /** An alert of its own for each queue or each task name; absent: one for all together, where they can be taken together. */
  each?: 'queue' | 'task_name' | undefined;
  /** Seconds that a windowed measure looks back. */
  window_seconds: number;
  /** A rate of fewer samples than this says nothing, and counts as healthy. */
  min_count: number;
  comparison: 'above' | 'below';
  /** Absent: the rule knows no warning, or no critical. */
  warning?: number | undefined;
  critical?: number | undefined;
  /** A threshold counts as crossed, in either sense, once the measure has stayed on its other side for so long. */
  for_seconds: number;
  enabled: boolean;
  /** What the alert says: `{value}`, `{threshold}`, `{count}`, `{queue}`, `{task_name}`, `{task_id}` and `{worker_id}` are filled in. */
  message: string;
}

const rule = (given: Pick<AlertRule, 'name' | 'metric' | 'message'> & Partial<AlertRule>): AlertRule => ({
  window_seconds: 300,
  min_count: 0,
  comparison: 'above',
  for_seconds: 0,
  enabled: true,
  ...given,
});

const GIGABYTE = 1024 ** 3;

/** The rules that hold where nobody has said otherwise. */
export const DEFAULT_ALERT_RULES: readonly AlertRule[] = [
  rule({
    name: 'failure_rate',
    metric: 'failure_rate',
    min_count: 20,
    warning: 10,
    critical: 20,
    for_seconds: 60,
    message: 'Failure rate is {value} of {count} tasks in the last 5 minutes',
  }),
  rule({
    name: 'task_duration',
    metric: 'task_duration',
    warning: 8 * 60,
    critical: 9.5 * 60,
    message: 'Task {task_id} running for {value}',
  }),
  rule({
    name: 'memory',
    metric: 'memory',
    warning: 1.5 * GIGABYTE,
    critical: 1.9 * GIGABYTE,
    for_seconds: 30,
    message: 'Worker {worker_id} uses {value} of memory',
  }),
  rule({
    name: 'queue_depth',
    metric: 'queue_depth',
    each: 'queue',
    warning: 10_000,
    critical: 100_000,
    for_seconds: 60,
    message: '{value} wait in the queue {queue}',
  }),
  rule({
    name: 'oldest_wait',
    metric: 'oldest_wait',
    each: 'queue',
    warning: 600,
    critical: 3_600,
    for_seconds: 60,
    message: 'A task of the queue {queue} has waited for {value}',
  }),
  rule({
    name: 'no_worker',
    metric: 'no_worker',
    each: 'queue',
    critical: 0,
    for_seconds: 60,
    message: '{value} wait in the queue {queue}, which no worker serves',
  }),
  rule({
    name: 'dead_letters',
    metric: 'dead_letters',
    each: 'queue',
    warning: 10,
    critical: 100,
    message: '{value} of the queue {queue} failed for good in the last 5 minutes',
  }),
  rule({
    name: 'projection_lag',
    metric: 'projection_lag',
    warning: 10,
    critical: 60,
    for_seconds: 15,
    message: 'The read models are {value} behind the log',
  }),
  rule({
    name: 'postgres_away',
    metric: 'postgres_away',
    warning: 0,
    critical: 60,
    message: 'Postgres has not answered for {value}: alerts that need it are not looked after',
  }),
  rule({
    name: 'store_usage',
    metric: 'store_usage',
    warning: 60,
    critical: 80,
    message: 'The store of the log is {value} full; at 80 % submissions are refused',
  }),
  rule({
    name: 'log_held_back',
    metric: 'log_held_back',
    warning: 0,
    message: 'The log cannot be shortened',
  }),
];

/** The default rules with those put over and beside them that somebody has written; by name. */
export function effectiveRules(
  written: readonly AlertRule[],
  defaults: readonly AlertRule[] = DEFAULT_ALERT_RULES,
): AlertRule[] {
  const byName = new Map(defaults.map((rule) => [rule.name, rule]));
  for (const rule of written) byName.set(rule.name, rule);
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
