import { addMeasures, noMeasures } from './measures.js';
import type { Measures } from './measures.js';
import type { MetricScope } from './metric-window.js';
import { SPAN_MS } from './spans.js';
import type { Kept, Plan } from './window-pieces.js';

/** Times in ISO-8601. */
export interface SeriesOptions extends MetricScope {
  from: string;
  to: string;
  /** Length of an interval: whole minutes. */
  interval_seconds: number;
  /** Whether the histograms are wanted, too: they are most of what is read. Defaults to true. */
  durations?: boolean;
}

export interface MetricSeries {
  /** As asked for, or an hour or a day where nothing shorter is kept. */
  interval_seconds: number;
  points: MetricPoint[];
}

/** What happened in an interval. */
export interface MetricPoint {
  /** Its beginning: a multiple of its length since 1970. */
  at: string;
  measures: Measures;
  /** How many tasks were in each status at its end: `in_…`. */
  standing: Measures;
}

export type SeriesPlan = Plan & { stepMs: number };

/** Intervals are read from the longest span that they are made of. */
export function seriesPlanOf(from: number, to: number, intervalSeconds: number, kept: Kept): SeriesPlan {
  const shortest = from >= kept.minutes ? SPAN_MS.minute : from >= kept.hours ? SPAN_MS.hour : SPAN_MS.day;
  const stepMs = Math.ceil((intervalSeconds * 1000) / shortest) * shortest;
  const begin = Math.floor(from / stepMs) * stepMs;
  const end = Math.ceil(to / stepMs) * stepMs;
  const span = stepMs % SPAN_MS.day === 0 ? 'day' : stepMs % SPAN_MS.hour === 0 ? 'hour' : 'minute';
  const open = span === 'minute' ? { from: begin, to: begin } : { from: begin, to: end };
  return { from: begin, to: end, pieces: [{ span, from: begin, to: end }], open, stepMs };
}

/** A point for each interval, also for those in which nothing happened. */
export function pointsOf(
  { from, to, stepMs }: SeriesPlan,
  bins: ReadonlyMap<string, Measures>,
  before: Measures,
): MetricSeries {
  const points: MetricPoint[] = [];
  let standing = before;
  for (let time = from; time < to; time += stepMs) {
    const at = new Date(time).toISOString();
    const measures = bins.get(at) ?? noMeasures();
    const sum = noMeasures();
    addMeasures(sum, standing);
    addMeasures(sum, measures);
    points.push({ at, measures, standing: sum });
    standing = sum;
  }
  return { interval_seconds: stepMs / 1000, points };
}
