import { describe, expect, it } from '@jest/globals';
import { leastTicketOf } from './least-tickets.js';

describe('the least live ticket of a queue', () => {
  it('is the least one in the rows', () => {
    expect(leastTicketOf(100, 40)).toBe(40);
  });

  it('is never beyond what the rows know', () => {
    expect(leastTicketOf(100, 120)).toBe(100);
    expect(leastTicketOf(100, undefined)).toBe(100);
  });

  it('is the first sequence of an empty log', () => {
    expect(leastTicketOf(0, undefined)).toBe(1);
  });
});
