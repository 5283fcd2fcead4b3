import type { MetricSpan } from './metric.entity.js';
import { SPAN_MS } from './spans.js';

/** From when on rows of minutes and hours are kept, in milliseconds since 1970. */
export interface Kept {
  minutes: number;
  hours: number;
}

/** A part of a window that is read from rows of one span; `-Infinity` and `Infinity` where it has no end. */
export interface Piece {
  span: MetricSpan;
  from: number;
  to: number;
}

/** How a window is read from few rows. */
export interface Plan {
  /** Where it begins and ends: whole minutes, or what is kept. */
  from: number;
  to: number;
  pieces: Piece[];
  /** In here the pieces are hours and days, which lack the minutes that are not rolled up yet. */
  open: { from: number; to: number };
}

/** Days in the middle, hours beside them, minutes at the ends; where those are gone, the window begins and ends with the longer span. */
export function planOf(from: number, to: number, kept: Kept): Plan {
  const [begin, end] = [keptStart(from, kept), keptStart(to, kept)];
  const pieces: Piece[] = [];
  const open = cut(pieces, 'hour', begin, end, (a, b) => {
    pieces.push({ span: 'minute', from: a, to: b });
  });
  return { from: begin, to: end, pieces: pieces.filter((piece) => piece.from < piece.to), open };
}

/** Where the shortest span begins and ends that is kept and holds the time. */
export function spanAround(time: number, kept: Kept): { from: number; to: number } {
  const from = keptStart(time, kept);
  return { from, to: from + SPAN_MS[keptSpan(time, kept)] };
}

/** Fills the middle with the span, the ends by the shorter one; returns the middle. */
function cut(
  pieces: Piece[],
  span: 'hour' | 'day',
  from: number,
  to: number,
  ends: (from: number, to: number) => void,
): { from: number; to: number } {
  const [first, last] = [ceil(from, SPAN_MS[span]), floor(to, SPAN_MS[span])];
  if (first >= last) {
    ends(from, to);
    return { from, to: from };
  }
  ends(from, first);
  if (span === 'day') pieces.push({ span, from: first, to: last });
  else
    cut(pieces, 'day', first, last, (a, b) => {
      pieces.push({ span: 'hour', from: a, to: b });
    });
  ends(last, to);
  return { from: first, to: last };
}

const keptStart = (time: number, kept: Kept): number => floor(time, SPAN_MS[keptSpan(time, kept)]);

/** The shortest span that is kept whole where the time is. */
function keptSpan(time: number, { minutes, hours }: Kept): MetricSpan {
  if (floor(time, SPAN_MS.minute) >= minutes) return 'minute';
  return floor(time, SPAN_MS.hour) >= hours ? 'hour' : 'day';
}

const floor = (time: number, span: number): number => Math.floor(time / span) * span;
const ceil = (time: number, span: number): number => Math.ceil(time / span) * span;
