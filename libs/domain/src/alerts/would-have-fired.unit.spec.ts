import { describe, expect, it } from '@jest/globals';
import { pastSamples } from './past-ends.js';
import { DEFAULT_ALERT_RULES } from './rule.js';
import { wouldHaveFired } from './would-have-fired.js';
import type { PastSamples } from './would-have-fired.js';

const MINUTE_MS = 60_000;
const rule = { ...DEFAULT_ALERT_RULES.find(({ name }) => name === 'failure_rate')!, for_seconds: 0 };

const past = (...rates: number[]): PastSamples[] =>
  rates.map((value, minute) => ({ at: minute * MINUTE_MS, samples: [{ scope: {}, value, count: 50 }] }));

describe('a rule on the past', () => {
  it('tells when it would have fired, how bad, and until when', () => {
    expect(wouldHaveFired(rule, past(2, 12, 30, 22, 15, 1, 1, 40))).toEqual([
      {
        scope: {},
        severity: 'critical',
        raised_at: MINUTE_MS,
        resolved_at: 5 * MINUTE_MS,
        worst_value: 30,
        message: 'Failure rate is 30 % of 50 tasks in the last 5 minutes',
      },
      expect.objectContaining({ raised_at: 7 * MINUTE_MS, resolved_at: null, worst_value: 40 }),
    ]);
  });

  it('would not have fired while it was healthy, or had it been switched off', () => {
    expect(wouldHaveFired(rule, past(1, 2, 3))).toEqual([]);
    expect(wouldHaveFired({ ...rule, enabled: false }, past(90, 90))).toEqual([]);
  });

  it('waits as it would have waited', () => {
    expect(wouldHaveFired({ ...rule, for_seconds: 120 }, past(12, 12, 1, 12, 12, 12))).toMatchObject([
      { raised_at: 5 * MINUTE_MS },
    ]);
  });
});

describe('the ends of tasks in the past', () => {
  const ends = [
    { at: 0, queue: 'films', name: 'render', succeeded: 30, failed: 0 },
    { at: MINUTE_MS, queue: 'films', name: 'render', succeeded: 0, failed: 10 },
    { at: 2 * MINUTE_MS, queue: 'mail', name: 'send', succeeded: 60, failed: 0 },
  ];
  const span = { from: 0, to: 4 * MINUTE_MS, stepMs: MINUTE_MS };
  const values = (changes: object): unknown =>
    pastSamples({ ...rule, window_seconds: 120, ...changes }, ends, span)?.map(({ samples }) =>
      samples.map(({ value }) => value),
    );

  it('are measured at the end of each step over the window before it', () => {
    expect(values({})).toEqual([[0], [25], [(10 / 70) * 100], [0]]);
    expect(values({ metric: 'dead_letters' })).toEqual([[0], [10], [10], [0]]);
  });

  it('are measured for each, or for one, where the rule says so', () => {
    expect(values({ each: 'queue' })).toEqual([[0], [25], [100, 0], [0]]);
    expect(values({ queue: 'mail' })).toEqual([[], [], [0], [0]]);
    expect(pastSamples({ ...rule, each: 'task_name' }, ends, span)?.[1]?.samples).toEqual([
      { scope: { task_name: 'render' }, value: 25, count: 40 },
    ]);
  });

  it('say nothing of what is not counted by them', () => {
    expect(values({ metric: 'memory' })).toBeUndefined();
  });
});
