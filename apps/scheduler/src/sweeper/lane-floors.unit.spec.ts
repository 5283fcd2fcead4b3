import { describe, expect, it } from '@jest/globals';
import { believableFloors } from './lane-floors.js';

describe('an ack floor', () => {
  it('is believed up to the end of the log', () => {
    const floors = new Map([
      ['p5', 100],
      ['p4', 101],
      ['p3', 0],
    ] as const);
    const { believable, beyond } = believableFloors(floors, 100);
    expect([...believable]).toEqual([
      ['p5', 100],
      ['p3', 0],
    ]);
    expect(beyond).toEqual(['p4']);
  });
});
