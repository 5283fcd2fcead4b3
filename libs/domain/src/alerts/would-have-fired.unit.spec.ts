import { describe, expect, it } from '@jest/globals';
import { pastRuns, pastWaits } from './past-stays.js';
import { pastDeadLetters, pastDepths, pastFailureRates } from './past-steps.js';
import { DEFAULT_ALERT_RULES } from './rule.js';
import type { AlertRule } from './rule.js';
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

const span = { from: 0, to: 4 * MINUTE_MS, stepMs: MINUTE_MS };
const valuesOf = (past: PastSamples[]): number[][] =>
  past.map(({ samples }) => samples.map(({ value }) => value));

describe('the steps of the past', () => {
  const steps = [
    { at: 0, queue: 'films', name: 'render', succeeded: 30, failed: 0, waiting: 5 },
    { at: MINUTE_MS, queue: 'films', name: 'render', succeeded: 0, failed: 10, waiting: -2 },
    { at: 2 * MINUTE_MS, queue: 'mail', name: 'send', succeeded: 60, failed: 0, waiting: 4 },
  ];
  const of = (changes: object = {}): AlertRule => ({ ...rule, window_seconds: 120, ...changes });

  it('are measured at the end of each step over the window before it', () => {
    expect(valuesOf(pastFailureRates(of(), steps, span))).toEqual([[0], [25], [(10 / 70) * 100], [0]]);
    expect(valuesOf(pastDeadLetters(of(), steps, span))).toEqual([[0], [10], [10], [0]]);
  });

  it('are measured for each, or for one, where the rule says so', () => {
    expect(valuesOf(pastFailureRates(of({ each: 'queue' }), steps, span))).toEqual([
      [0],
      [25],
      [100, 0],
      [0],
    ]);
    expect(valuesOf(pastFailureRates(of({ queue: 'mail' }), steps, span))).toEqual([[], [], [0], [0]]);
    expect(pastFailureRates(of({ each: 'task_name' }), steps, span)[1]?.samples).toEqual([
      { scope: { task_name: 'render' }, value: 25, count: 40 },
    ]);
  });

  it('tell how many waited, from those of the beginning on', () => {
    const before = [{ queue: 'mail', waiting: 2 }];
    expect(valuesOf(pastDepths(of(), steps, before, span))).toEqual([[7], [5], [9], [9]]);
    expect(valuesOf(pastDepths(of({ each: 'queue' }), steps, before, span))).toEqual([
      [5, 2],
      [3, 2],
      [6, 3],
      [6, 3],
    ]);
  });
});

describe('the runs and waits of the past', () => {
  const stays = [
    { id: 'a', queue: 'films', name: 'render', since: 0, until: 2 * MINUTE_MS },
    { id: 'b', queue: 'mail', name: 'send', since: 90_000, until: null },
  ];

  it('are seen at each step at which they lasted', () => {
    expect(
      pastRuns(stays, span).map(({ samples }) => samples.map((one) => [one.scope.task_id, one.value])),
    ).toEqual([[['a', 60]], [['b', 30]], [['b', 90]], [['b', 150]]]);
  });

  it('are the longest of each queue, or of all', () => {
    expect(valuesOf(pastWaits(rule, stays, span))).toEqual([[60], [30], [90], [150]]);
    expect(pastWaits({ ...rule, each: 'queue' }, stays, span)[0]?.samples).toEqual([
      { scope: { queue: 'films' }, value: 60 },
      { scope: { queue: 'mail' }, value: 0 },
    ]);
  });
});
