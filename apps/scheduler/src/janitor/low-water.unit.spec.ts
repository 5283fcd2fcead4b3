import { describe, expect, it } from '@jest/globals';
import { PURGE_STEP, lowWater, nextStep } from './low-water.js';

const needs = { withinAge: 500, withinCount: undefined, oldestLive: undefined, offsets: [1000] };

describe('the low-water mark', () => {
  it('is the age limit where nobody needs more', () => {
    expect(lowWater(needs)).toEqual({ low: 500, heldBy: undefined });
  });

  it('is the limit that lets go of more', () => {
    expect(lowWater({ ...needs, withinCount: 700 }).low).toBe(700);
    expect(lowWater({ ...needs, withinCount: 300 }).low).toBe(500);
  });

  it('is the end of what was projected when all of it is older than the limit', () => {
    expect(lowWater({ ...needs, withinAge: undefined })).toEqual({ low: 1000, heldBy: undefined });
  });

  it('stays below the first fact of a live task, which then holds the log back', () => {
    expect(lowWater({ ...needs, oldestLive: 200 })).toEqual({ low: 200, heldBy: 'task' });
    expect(lowWater({ ...needs, withinAge: undefined, oldestLive: 200 }).heldBy).toBe('task');
  });

  it('is not held back by a live task that is younger than the limit', () => {
    expect(lowWater({ ...needs, oldestLive: 800 })).toEqual({ low: 500, heldBy: undefined });
  });

  it('stays below the offset of every projection', () => {
    expect(lowWater({ ...needs, offsets: [1000, 100] })).toEqual({ low: 100, heldBy: 'projector' });
  });

  it('is at the beginning while nothing was ever projected', () => {
    expect(lowWater({ ...needs, offsets: [] }).low).toBe(0);
    expect(lowWater({ ...needs, offsets: [0] }).low).toBe(0);
  });
});

describe('a purge', () => {
  it('goes in steps up to the mark', () => {
    const mark = 1 + 2 * PURGE_STEP + 7;
    const steps = [];
    for (let at = nextStep(1, mark); at !== undefined; at = nextStep(at, mark)) steps.push(at);
    expect(steps).toEqual([1 + PURGE_STEP, 1 + 2 * PURGE_STEP, mark]);
  });

  it('has nothing to do when the log begins at the mark or above', () => {
    expect(nextStep(10, 10)).toBeUndefined();
    expect(nextStep(11, 10)).toBeUndefined();
  });
});
