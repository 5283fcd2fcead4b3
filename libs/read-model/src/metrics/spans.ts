import type { MetricSpan } from './metric.entity.js';

/** How long the spans are, in milliseconds. They begin in UTC, where every day is as long. */
export const SPAN_MS: Record<MetricSpan, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Start of the span that holds a time. */
export const startOf = (span: MetricSpan, at: string): string =>
  new Date(Math.floor(Date.parse(at) / SPAN_MS[span]) * SPAN_MS[span]).toISOString();
