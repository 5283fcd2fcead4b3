import { describe, expect, it } from '@jest/globals';
import { forEachAtMost } from './for-each-at-most.js';

const tick = (): Promise<void> => new Promise((go) => setImmediate(go));

describe('work on many items', () => {
  it('runs so many at once and no more', async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    await forEachAtMost(3, [1, 2, 3, 4, 5, 6, 7], async (item) => {
      most = Math.max(most, ++running);
      await tick();
      running--;
      done.push(item);
    });
    expect(most).toBe(3);
    expect(done).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('begins nothing after a failure, waits for what runs, and fails with it', async () => {
    const ended: number[] = [];
    const work = forEachAtMost(2, [1, 2, 3, 4], async (item) => {
      if (item === 1) throw new Error('one');
      await tick();
      ended.push(item);
    });
    await expect(work).rejects.toThrow('one');
    expect(ended).toEqual([2]);
  });

  it('does nothing with nothing', async () => {
    await forEachAtMost(5, [], () => Promise.reject(new Error('never')));
  });
});
