import { describe, expect, it } from '@jest/globals';
import { testHandler } from '@millrace/worker/testkit';
import fc from 'fast-check';
import { exactJson, factorials } from './factorial.js';
import { FactorialHandler } from './factorial.handler.js';

const naive = (n: number): bigint => (n <= 1 ? 1n : BigInt(n) * naive(n - 1));

describe('factorials', () => {
  it('agree with the definition for every number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), (n) => {
        const steps = [...factorials(n)];
        expect(steps).toHaveLength(n);
        expect(steps.at(-1)).toBe(naive(n));
      }),
    );
  });

  it('are numbers up to 2^53 and strings past it', () => {
    expect(exactJson(naive(18))).toBe(6_402_373_705_728_000);
    expect(exactJson(naive(19))).toBe('121645100408832000');
    expect(exactJson(2n ** 53n - 1n)).toBe(9_007_199_254_740_991);
    expect(exactJson(2n ** 53n)).toBe('9007199254740992');
  });
});

const kit = testHandler(new FactorialHandler(), 'calculate');

describe('calculate_factorial', () => {
  it('reports one step for each i', async () => {
    const run = kit.submit({ number: 4 });
    await run.until('succeeded');
    expect(run.result).toEqual({ number: 4, factorial: 24 });
    expect(run.progress).toEqual([
      { current: 1, total: 4, percent: 25, step: '1!' },
      { current: 2, total: 4, percent: 50, step: '2!' },
      { current: 3, total: 4, percent: 75, step: '3!' },
      { current: 4, total: 4, percent: 100, step: '4!' },
    ]);
  });

  it('knows that 0! is 1', async () => {
    const run = kit.submit({ number: 0 });
    await run.until('succeeded');
    expect(run.result).toEqual({ number: 0, factorial: 1 });
  });

  it('is exact for the largest number it takes, and takes none that is larger', async () => {
    const run = kit.submit({ number: 10_000 });
    await run.until('succeeded');
    const { factorial } = run.result as { factorial: string };
    expect(factorial).toMatch(/^28462596809170545189\d+0{2499}$/);
    expect(factorial).toHaveLength(35_660);
    expect(() => kit.submit({ number: 10_001 })).toThrow('do not fit calculate_factorial');
  });

  it('stops when it is cancelled', async () => {
    const run = kit.submit({ number: 100 });
    run.when(
      () => run.progress.length === 3,
      () => run.cancel(),
    );
    await run.until('cancelled');
    await run.handlerEnded();
    expect(run.progress).toHaveLength(3);
  });
});
