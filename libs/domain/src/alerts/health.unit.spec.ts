import { describe, expect, it } from '@jest/globals';
import { findingsOf, healthRules } from './health.js';
import type { HealthRule } from './health.js';
import { DEFAULT_ALERT_RULES } from './rule.js';
import type { AlertRule } from './rule.js';

const standard = DEFAULT_ALERT_RULES.find(({ name }) => name === 'failure_rate')!;
const rulesOf = (...written: AlertRule[]): [string, number, number][] =>
  healthRules(written).map(({ name, window_seconds, min_count }) => [name, window_seconds, min_count]);

const severityOf = (rule: HealthRule | undefined, value: number, count?: number): string | undefined =>
  findingsOf(rule!, [{ scope: {}, value, count }])[0]?.severity;

describe('health', () => {
  it('is judged by the default rules of its measures, and failures by the last hour', () => {
    expect(rulesOf()).toEqual([
      ['failure_rate', 3_600, 0],
      ['memory', 300, 0],
      ['task_duration', 300, 0],
    ]);
  });

  it('is judged by what was written over and beside them, as long as that is enabled', () => {
    const beside: AlertRule = { ...standard, name: 'films', queue: 'films', window_seconds: 60 };
    expect(rulesOf({ ...standard, enabled: false }, beside)).toEqual([
      ['films', 60, 20],
      ['memory', 300, 0],
      ['task_duration', 300, 0],
    ]);
    const [written] = healthRules([{ ...standard, warning: 5, critical: 7 }]);
    expect([5, 6, 8].map((value) => severityOf(written, value, 20))).toEqual([
      undefined,
      'warning',
      'critical',
    ]);
    expect(severityOf(written, 8, 19)).toBeUndefined();
  });

  it.each([
    [10, undefined],
    [10.01, 'warning'],
    [20, 'warning'],
    [20.01, 'critical'],
  ])('at a failure rate of %d percent is %s', (value, severity) => {
    expect(severityOf(healthRules([])[0], value, 100)).toBe(severity);
  });

  it('says what is wrong with what, by which rule', () => {
    const long = healthRules([]).find(({ metric }) => metric === 'task_duration')!;
    const scope = { queue: 'films', task_name: 'render', task_id: 'abc123' };
    expect(findingsOf(long, [{ scope, value: 520 }])).toEqual([
      {
        rule: 'task_duration',
        metric: 'task_duration',
        severity: 'warning',
        scope,
        value: 520,
        message: 'Task abc123 running for 520 seconds',
      },
    ]);
  });
});
