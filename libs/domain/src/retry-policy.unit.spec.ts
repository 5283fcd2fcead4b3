import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULT_RETRY_POLICY, mayRetry, mergeRetry, policyFor, retryDelayMs } from './retry-policy.js';
import type { RetryPolicy } from './retry-policy.js';

const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  max_retries: fc.nat(10_000),
  delay_seconds: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 86_400, noNaN: true })),
  backoff_factor: fc.double({ min: 1, max: 100, noNaN: true }),
  max_delay_seconds: fc.double({ min: 0, max: 604_800, noNaN: true }),
  jitter: fc.boolean(),
});
const failures = fc.integer({ min: 1, max: 10_000 });
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the wait before a retry', () => {
  it('doubles from a minute up to ten by default', () => {
    const policy = { ...DEFAULT_RETRY_POLICY, jitter: false };
    expect([1, 2, 3, 4, 5, 6].map((failed) => retryDelayMs(policy, failed, 0) / 1000)).toEqual([
      60, 120, 240, 480, 600, 600,
    ]);
  });

  it('is none, however often the attempt failed, when the delay is none', () => {
    expect(retryDelayMs({ ...DEFAULT_RETRY_POLICY, delay_seconds: 0 }, 5_000, 0.5)).toBe(0);
  });

  it('lies within the upper half of the wait without jitter', () => {
    fc.assert(
      fc.property(policies, failures, randoms, (policy, failed, random) => {
        const base = retryDelayMs({ ...policy, jitter: false }, failed, random);
        const delay = retryDelayMs({ ...policy, jitter: true }, failed, random);
        // A millisecond for the rounding.
        expect(delay).toBeGreaterThanOrEqual(base / 2 - 1);
        expect(delay).toBeLessThanOrEqual(base);
      }),
    );
  });

  it('is never longer than the policy allows, and a whole number of milliseconds', () => {
    fc.assert(
      fc.property(policies, failures, randoms, (policy, failed, random) => {
        const delay = retryDelayMs(policy, failed, random);
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeLessThanOrEqual(Math.round(policy.max_delay_seconds * 1000));
      }),
    );
  });

  it('never shrinks from one failure to the next without jitter, and is the same for the same', () => {
    fc.assert(
      fc.property(policies, failures, randoms, (policy, failed, random) => {
        const steady = { ...policy, jitter: false };
        const delay = retryDelayMs(steady, failed, random);
        expect(retryDelayMs(steady, failed + 1, 0)).toBeGreaterThanOrEqual(delay);
        expect(retryDelayMs(steady, failed, 0)).toBe(delay);
      }),
    );
  });
});

describe('a retry', () => {
  it('follows as many failures as the policy allows, and no more', () => {
    const retried = [1, 2, 3, 4].map((failed) => mayRetry(DEFAULT_RETRY_POLICY, failed));
    expect(retried).toEqual([true, true, true, false]);
    expect(mayRetry({ ...DEFAULT_RETRY_POLICY, max_retries: 0 }, 1)).toBe(false);
  });
});

describe('a policy that somebody wants otherwise', () => {
  const policy: RetryPolicy = {
    ...DEFAULT_RETRY_POLICY,
    by_error: { Busy: { delay_seconds: 5, max_retries: 9 }, Broken: { max_retries: 0 } },
  };

  it('stays as it is where nothing is said', () => {
    expect(mergeRetry(policy, {})).toEqual(policy);
    expect(mergeRetry(policy, { jitter: undefined, by_error: undefined })).toEqual(policy);
    expect(mergeRetry(DEFAULT_RETRY_POLICY, { max_retries: 1 })).toEqual({
      ...DEFAULT_RETRY_POLICY,
      max_retries: 1,
    });
  });

  it('is merged class by class, and setting by setting', () => {
    const merged = mergeRetry(policy, {
      delay_seconds: 1,
      by_error: { Busy: { delay_seconds: 7, jitter: undefined }, Odd: { jitter: false } },
    });
    expect(merged).toMatchObject({ delay_seconds: 1, max_retries: 3 });
    expect(merged.by_error).toEqual({
      Busy: { delay_seconds: 7, max_retries: 9 },
      Broken: { max_retries: 0 },
      Odd: { jitter: false },
    });
  });

  it('takes a class for a class, whatever its name', () => {
    const by_error = JSON.parse('{"__proto__":{"max_retries":7},"constructor":{"max_retries":8}}') as Record<
      string,
      { max_retries: number }
    >;
    const merged = mergeRetry(DEFAULT_RETRY_POLICY, { by_error });
    expect(policyFor(merged, '__proto__').max_retries).toBe(7);
    expect(policyFor(merged, 'constructor').max_retries).toBe(8);
    expect(policyFor(merged, 'toString').max_retries).toBe(3);
  });
});
