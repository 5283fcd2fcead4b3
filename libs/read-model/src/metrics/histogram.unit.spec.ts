import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addTo, bucketOf, columnsOf, histogramOf, merge, quantile, valueOf } from './histogram.js';
import type { Histogram } from './histogram.js';

const DAY_US = 86_400e6;
const durations = fc.array(fc.integer({ min: 2, max: 30 * DAY_US }), { minLength: 1, maxLength: 200 });

function histogramFrom(values: readonly number[]): Histogram {
  const histogram: Histogram = new Map();
  for (const value of values) addTo(histogram, bucketOf(value), 1);
  return histogram;
}

describe('a histogram', () => {
  it('tells quantiles that are at most 5 % off', () => {
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(share * values.length)) - 1] ?? 0;
        const told = quantile(histogramFrom(values), share) ?? 0;
        expect(Math.abs(told - exact)).toBeLessThanOrEqual(0.05 * exact);
      }),
    );
  });

  it('is the same when its parts are merged, and without one that is taken away again', () => {
    fc.assert(
      fc.property(durations, durations, (some, others) => {
        const merged = histogramFrom(some);
        merge(merged, histogramFrom(others));
        expect(merged).toEqual(histogramFrom([...some, ...others]));
        merge(merged, histogramFrom(others), -1);
        expect(merged).toEqual(histogramFrom(some));
        expect(histogramOf(columnsOf(merged))).toEqual(merged);
      }),
    );
  });

  it('has no quantile without values, and knows nothing below a microsecond', () => {
    expect(quantile(new Map(), 0.5)).toBeNull();
    expect([bucketOf(0), bucketOf(1), bucketOf(2)]).toEqual([0, 0, 8]);
    expect(valueOf(0)).toBe(0);
  });
});
