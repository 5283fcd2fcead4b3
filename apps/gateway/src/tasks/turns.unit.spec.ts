import { describe, expect, it } from '@jest/globals';
import { Turns } from './turns.js';

describe('turns', () => {
  it('come one after the other for a key, also after one that failed, and at once for different keys', async () => {
    const turns = new Turns();
    const seen: string[] = [];
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const first = turns.take('a', () => held.then(() => seen.push('a1')));
    const failed = turns.take('a', () => Promise.reject(new Error('broken')));
    const third = turns.take('a', () => Promise.resolve(seen.push('a3')));
    await turns.take('b', () => Promise.resolve(seen.push('b1')));
    release();
    await first;
    await expect(failed).rejects.toThrow('broken');
    await third;
    expect(seen).toEqual(['b1', 'a1', 'a3']);
  });
});
