import type { MetricSpan } from './metric.entity.js';

/** Minutes of so many hours, and hours of so many days, are always kept: where there are none, nothing happened. */
export const LEAST_KEPT = { minutesOfHours: 2, hoursOfDays: 2 } as const;

/** How long the spans are, in milliseconds. They begin in UTC, where every day is as long. */
export const SPAN_MS: Record<MetricSpan, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Start of the span that holds a time. */
export const startOf = (span: MetricSpan, at: string): string =>
  new Date(Math.floor(Date.parse(at) / SPAN_MS[span]) * SPAN_MS[span]).toISOString();
