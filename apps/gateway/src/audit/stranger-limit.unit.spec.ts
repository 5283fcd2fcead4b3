import { describe, expect, it } from '@jest/globals';
import { STRANGERS_A_SECOND, StrangerLimit } from './stranger-limit.js';

describe('callers without a key', () => {
  it('are told one by one until there are too many in a second', () => {
    const limit = new StrangerLimit();
    const admitted = (ms: number): number =>
      Array.from({ length: 3 * STRANGERS_A_SECOND }, () => limit.admits(ms)).filter(Boolean).length;
    expect([admitted(5_000), admitted(5_999), admitted(6_000)]).toEqual([
      STRANGERS_A_SECOND,
      0,
      STRANGERS_A_SECOND,
    ]);
  });
});
