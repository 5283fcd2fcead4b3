import type { AlertSample } from './alert.js';
import { deadLetters, failureRates } from './rates.js';
import type { Ends } from './rates.js';
import type { AlertRule } from './rule.js';
import type { PastSamples } from './would-have-fired.js';

/** How many tasks ended in a step of the past. Times are milliseconds since the epoch. */
export interface PastEnds extends Ends {
  /** The beginning of the step. */
  at: number;
}

/** Where a rule is tried on the past, and how finely. */
export interface PastSpan {
  from: number;
  to: number;
  stepMs: number;
}

/**
 * What a rule over the ends of tasks would have measured at the end of each step of the past.
 *
 * @param ends in the order of their times; those of the window before the span count, too
 * @returns undefined when the metric of the rule is no count of ends
 */
export function pastSamples(
  rule: AlertRule,
  ends: readonly PastEnds[],
  { from, to, stepMs }: PastSpan,
): PastSamples[] | undefined {
  const measure = MEASURES[rule.metric];
  if (!measure) return undefined;
  const windowMs = Math.ceil((rule.window_seconds * 1_000) / stepMs) * stepMs;
  const past: PastSamples[] = [];
  let [first, next] = [0, 0];
  for (let at = from + stepMs; at <= to; at += stepMs) {
    while (next < ends.length && (ends[next]?.at ?? at) < at) next++;
    while (first < next && (ends[first]?.at ?? 0) < at - windowMs) first++;
    past.push({ at, samples: measure(rule, ends.slice(first, next)) });
  }
  return past;
}

const MEASURES: Partial<
  Record<AlertRule['metric'], (rule: AlertRule, ends: readonly Ends[]) => AlertSample[]>
> = { failure_rate: failureRates, dead_letters: deadLetters };
