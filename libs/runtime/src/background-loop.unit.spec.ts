import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { BackgroundLoop } from './background-loop.js';
import type { BackgroundLoopOptions } from './background-loop.js';

const AN_HOUR = 3_600_000;

const begun: BackgroundLoop[] = [];

/** A loop whose passes are counted: `reached(n)` resolves when the n-th begins. */
function setup(options: Partial<BackgroundLoopOptions> = {}) {
  const passes = new EventTarget();
  const failures: unknown[] = [];
  let count = 0;
  const loop = new BackgroundLoop({
    retryMs: 0,
    onFailure: (error) => failures.push(error),
    ...options,
    pass: (signal) => {
      passes.dispatchEvent(new Event(String(++count)));
      return options.pass?.(signal) ?? Promise.resolve(0);
    },
  });
  begun.push(loop);
  return { loop, failures, count: () => count, reached: (pass: number) => once(passes, String(pass)) };
}

const untilAborted = (signal: AbortSignal): Promise<unknown> => once(signal, 'abort');

describe('a loop in the background', () => {
  afterEach(() => Promise.all(begun.splice(0).map((loop) => loop.stop())));

  it('makes one pass after the other until it is stopped', async () => {
    const { loop, reached, count } = setup();
    const third = reached(3);
    expect(loop.start().start()).toBe(loop);
    await third;
    await loop.stop();
    const made = count();
    await new Promise(setImmediate);
    expect(count()).toBe(made);
  });

  it('tells of a pass that failed, and tries again', async () => {
    let isBroken = true;
    const { loop, failures, reached } = setup({
      pass: () => {
        if (!isBroken) return Promise.resolve(0);
        isBroken = false;
        throw new Error('broken');
      },
    });
    const third = reached(3);
    loop.start();
    await third;
    expect(failures).toEqual([new Error('broken')]);
  });

  it('waits for the pass in hand when it is stopped, and for no rest', async () => {
    let isEnded = false;
    const { loop, reached } = setup({
      pass: async (signal) => {
        await untilAborted(signal);
        await new Promise(setImmediate);
        isEnded = true;
        return AN_HOUR;
      },
    });
    const first = reached(1);
    loop.start();
    await first;
    await Promise.all([loop.stop(), loop.stop()]);
    expect(isEnded).toBe(true);
  });

  it('does not tell of a pass that failed because it was stopped', async () => {
    const { loop, failures, reached } = setup({
      pass: async (signal) => {
        await untilAborted(signal);
        throw new Error('cut short');
      },
    });
    const first = reached(1);
    loop.start();
    await first;
    await loop.stop();
    expect(failures).toEqual([]);
  });

  it('makes no pass when it is stopped before the first, or before it was started', async () => {
    const resting = setup({ firstAfterMs: AN_HOUR });
    resting.loop.start();
    await resting.loop.stop();
    const unstarted = setup();
    await unstarted.loop.stop();
    await unstarted.loop.start().stop();
    expect([resting.count(), unstarted.count()]).toEqual([0, 0]);
  });
});
