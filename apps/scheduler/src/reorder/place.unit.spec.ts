import { describe, expect, it } from '@jest/globals';
import type { HeldPlace } from '@millrace/read-model';
import { placeBetween, placesAhead } from './place.js';

const at = (lane: HeldPlace['lane'], rank: number): HeldPlace => ({ id: `${lane}-${rank}`, lane, rank });

describe('the place of a task that waits for a slot', () => {
  it('is between its neighbours', () => {
    expect(placeBetween(at('p5', 10), at('p5', 11))).toEqual({ lane: 'p5', rank: 10.5 });
  });

  it('is in front when nobody is ahead', () => {
    expect(placeBetween(undefined, at('p5', 10))).toEqual({ lane: 'front', rank: 0 });
    expect(placeBetween(undefined, at('front', 10))).toEqual({ lane: 'front', rank: 9 });
    expect(placeBetween(undefined, undefined)).toEqual({ lane: 'front', rank: 0 });
  });

  it('is behind the last of a lane, ahead of who comes later', () => {
    expect(placeBetween(at('p9', 7), at('p5', 3))).toEqual({ lane: 'p9', rank: 7.5 });
    expect(placeBetween(at('p9', 7), undefined)).toEqual({ lane: 'p9', rank: 7.5 });
  });

  it('is not there when no number lies between', () => {
    expect(placeBetween(at('p5', 1), at('p5', 1 + Number.EPSILON))).toBeUndefined();
  });

  it('is ahead of all when those before it are placed anew, whoever of them was placed already', () => {
    const tasks = [at('front', 5), at('front', 5), at('p5', 1)];
    expect(placesAhead(tasks, 3)).toEqual([2, 3, 4].map((rank) => ({ lane: 'front', rank })));
    expect(placesAhead([at('p5', 1)], 2)).toEqual([-2, -1].map((rank) => ({ lane: 'front', rank })));
  });
});
