import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SPAN_MS } from './spans.js';
import { planOf } from './window-pieces.js';

const { minute, hour, day } = SPAN_MS;
const ALL_KEPT = { minutes: -Infinity, hours: -Infinity };
const times = fc.integer({ min: 0, max: 60 * day });

describe('a window', () => {
  it('is read from pieces that are whole spans, without a gap, and few', () => {
    fc.assert(
      fc.property(times, times, (a, b) => {
        const plan = planOf(Math.min(a, b), Math.max(a, b), ALL_KEPT);
        const pieces = plan.pieces.sort((x, y) => x.from - y.from);
        const covered = pieces.reduce((at, piece) => {
          expect(piece.from).toBe(at);
          expect([piece.from % SPAN_MS[piece.span], piece.to % SPAN_MS[piece.span]]).toEqual([0, 0]);
          return piece.to;
        }, plan.from);
        expect(covered).toBe(plan.to);
        const rows = pieces.reduce((sum, { span, from, to }) => sum + (to - from) / SPAN_MS[span], 0);
        expect(rows).toBeLessThanOrEqual(2 * 60 + 2 * 24 + 60);
      }),
    );
  });

  it('without a beginning and an end is made of days', () => {
    const { pieces, open } = planOf(-Infinity, Infinity, ALL_KEPT);
    expect(pieces).toEqual([{ span: 'day', from: -Infinity, to: Infinity }]);
    expect(open).toEqual({ from: -Infinity, to: Infinity });
  });

  it('begins with an hour or a day where minutes or hours are gone', () => {
    const kept = { minutes: 10 * day, hours: 5 * day };
    expect(planOf(10 * day + 90 * minute + 1, Infinity, kept).from).toBe(10 * day + 90 * minute);
    expect(planOf(9 * day + 90 * minute, Infinity, kept).from).toBe(9 * day + hour);
    expect(planOf(4 * day + 90 * minute, Infinity, kept).from).toBe(4 * day);
  });

  it('of a quarter of an hour is made of minutes alone', () => {
    const plan = planOf(hour + 5 * minute, hour + 20 * minute, ALL_KEPT);
    expect(plan.pieces).toEqual([{ span: 'minute', from: hour + 5 * minute, to: hour + 20 * minute }]);
    expect(plan.open.from).toBe(plan.open.to);
  });
});
