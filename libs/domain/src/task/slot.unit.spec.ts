import { describe, expect, it } from '@jest/globals';
import type { Fact } from './facts.js';
import { mayHoldSlot } from './slot.js';

const HELD = 7;
const fact = (kind: string, data: object = {}, sequence = 9): Fact =>
  ({ kind, data, sequence }) as unknown as Fact;

describe('a slot', () => {
  it('belongs to whom it was given while it runs, is ready by it, or was given back with it', () => {
    const holders = [
      fact('held', {}, HELD),
      fact('p5', { slot: true }),
      fact('started'),
      fact('step'),
      fact('yielded', { run: { slot: true } }),
    ];
    expect(holders.map((last) => mayHoldSlot(last, HELD))).toEqual([true, true, true, true, true]);
  });

  it('is nobody’s who waits anew, never had one, or has ended', () => {
    const others = [
      fact('held'),
      fact('front', {}),
      fact('yielded', { run: {} }),
      fact('scheduled'),
      fact('paused'),
      fact('cancelled'),
    ];
    expect(others.map((last) => mayHoldSlot(last, HELD))).toEqual(others.map(() => false));
  });
});
