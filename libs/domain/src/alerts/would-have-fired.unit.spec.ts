import { describe, expect, it } from '@jest/globals';
import { DEFAULT_ALERT_RULES } from './rule.js';
import { wouldHaveFired } from './would-have-fired.js';
import type { PastSamples } from './would-have-fired.js';

const MINUTE_MS = 60_000;
const rule = DEFAULT_ALERT_RULES.find(({ name }) => name === 'failure_rate')!;

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
