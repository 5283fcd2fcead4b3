import { describe, expect, it } from '@jest/globals';
import { nextDelay } from './backoff.js';

describe('the wait before a restart', () => {
  it('doubles from 250 ms up to 10 s while the child keeps dying', () => {
    const waits: number[] = [];
    for (let death = 0; death < 8; death += 1) waits.push(nextDelay(waits.at(-1), 100));
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  it('begins anew after 30 s of health', () => {
    expect(nextDelay(10_000, 29_999)).toBe(10_000);
    expect(nextDelay(10_000, 30_000)).toBe(250);
  });
});
