import { describe, expect, it } from '@jest/globals';
import { PURGE_STEP, lowWater, nextStep } from './low-water.js';

const needs = { withinAge: 500, withinCount: undefined, offsets: [1000] };

describe('the low-water mark', () => {
  it('is the age limit where nobody needs more', () => {
    expect(lowWater(needs)).toEqual({ mark: 500, isHeldByProjector: false });
  });

  it('is the limit that lets go of more', () => {
    expect(lowWater({ ...needs, withinCount: 700 }).mark).toBe(700);
    expect(lowWater({ ...needs, withinCount: 300 }).mark).toBe(500);
  });

  it('is the end of what was projected when all of it is older than the limit', () => {
    expect(lowWater({ ...needs, withinAge: undefined })).toEqual({ mark: 1000, isHeldByProjector: false });
  });

  it('stays below the offset of every projection', () => {
    expect(lowWater({ ...needs, offsets: [1000, 100] })).toEqual({ mark: 100, isHeldByProjector: true });
  });

  it('is at the beginning while nothing was ever projected', () => {
    expect(lowWater({ ...needs, offsets: [] }).mark).toBe(0);
    expect(lowWater({ ...needs, offsets: [0] }).mark).toBe(0);
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
