import { alertMessage } from './alert.js';
import type { AlertSample, AlertScope } from './alert.js';
import { severityOf } from './decide-alerts.js';
import { DEFAULT_ALERT_RULES, effectiveRules } from './rule.js';
import type { AlertRule, Severity } from './rule.js';

/** The measures that health is made of. */
export const HEALTH_METRICS = ['failure_rate', 'task_duration', 'memory'] as const;

/** One of {@link HEALTH_METRICS}. */
export type HealthMetric = (typeof HEALTH_METRICS)[number];

/** A rule that health is judged by. */
export type HealthRule = AlertRule & { metric: HealthMetric };

/** What is wrong at a moment. */
export interface HealthFinding {
  rule: string;
  metric: HealthMetric;
  severity: Severity;
  scope: AlertScope;
  value: number;
  message: string;
}

/** Until somebody writes a rule, a single failure of the last hour counts. */
const OF_THE_LAST_HOUR = {
  window_seconds: 3_600,
  min_count: 0,
  message: 'Failure rate is {value} of {count} tasks in the last hour',
} as const satisfies Partial<AlertRule>;

const HEALTH_DEFAULTS = DEFAULT_ALERT_RULES.map((rule) =>
  rule.metric === 'failure_rate' ? { ...rule, ...OF_THE_LAST_HOUR } : rule,
);

/**
 * The rules that health is judged by: those in force of its measures. The default failure rate alone is taken over the last hour and of
 * however few tasks; one that somebody has written, as it says.
 *
 * @param written the rules that somebody has written
 */
export const healthRules = (written: readonly AlertRule[]): HealthRule[] =>
  effectiveRules(written, HEALTH_DEFAULTS).filter((rule): rule is HealthRule => isOfHealth(rule));

/** What a rule finds wrong with the samples of a moment, however short that has lasted. */
export function findingsOf(rule: HealthRule, samples: readonly AlertSample[]): HealthFinding[] {
  return samples.flatMap((sample) => {
    const severity = severityOf(rule, sample);
    if (!severity) return [];
    const { scope, value } = sample;
    const message = alertMessage(rule, sample, rule[severity] ?? null);
    return [{ rule: rule.name, metric: rule.metric, severity, scope, value, message }];
  });
}

const isOfHealth = ({ enabled, metric }: AlertRule): boolean =>
  enabled && (HEALTH_METRICS as readonly string[]).includes(metric);
