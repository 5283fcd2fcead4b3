import { deadLetters, failureRates } from './rates.js';
import type { Ends } from './rates.js';
import type { AlertSample } from './alert.js';
import type { AlertRule } from './rule.js';
import { queueSamples } from './samples.js';
import type { PastSamples } from './would-have-fired.js';

/** What happened to the tasks of a queue and a name in a step of the past. Times are milliseconds since the epoch. */
export interface PastStep extends Ends {
  /** The beginning of the step. */
  at: number;
  /** How many more tasks waited at its end than at its beginning. */
  waiting: number;
}

/** Where a rule is tried on the past, and how finely. */
export interface PastSpan {
  from: number;
  to: number;
  stepMs: number;
}

/** How far a rule looks back from the end of a step: whole steps. */
export const pastWindowMs = ({ window_seconds }: AlertRule, { stepMs }: Pick<PastSpan, 'stepMs'>): number =>
  Math.ceil((window_seconds * 1_000) / stepMs) * stepMs;

/** The failure rates of the past, at the end of each step; `steps` in their order, those of the window before the span too. */
export const pastFailureRates = (
  rule: AlertRule,
  steps: readonly PastStep[],
  span: PastSpan,
): PastSamples[] => windowed(rule, steps, span, failureRates);

/** The dead letters of the past, in the same way. */
export const pastDeadLetters = (rule: AlertRule, steps: readonly PastStep[], span: PastSpan): PastSamples[] =>
  windowed(rule, steps, span, deadLetters);

/**
 * How many tasks waited in the queues at the end of each step of the past.
 *
 * @param before how many waited at the beginning
 */
export function pastDepths(
  rule: AlertRule,
  steps: readonly Pick<PastStep, 'at' | 'queue' | 'waiting'>[],
  before: readonly Pick<PastStep, 'queue' | 'waiting'>[],
  span: PastSpan,
): PastSamples[] {
  const depths = new Map<string, number>();
  const add = ({ queue, waiting }: Pick<PastStep, 'queue' | 'waiting'>): unknown =>
    depths.set(queue, (depths.get(queue) ?? 0) + waiting);
  before.forEach(add);
  let next = 0;
  return endsOf(span).map((at) => {
    for (let step = steps[next]; step && step.at < at; step = steps[++next]) add(step);
    const values = [...depths].map(([queue, value]) => ({ queue, value }));
    return { at, samples: queueSamples(rule, values, 'sum') };
  });
}

/** The ends of the steps of a span, in their order. */
export const endsOf = ({ from, to, stepMs }: PastSpan): number[] =>
  Array.from(
    { length: Math.max(0, Math.floor((to - from) / stepMs)) },
    (_, step) => from + (step + 1) * stepMs,
  );

function windowed(
  rule: AlertRule,
  steps: readonly PastStep[],
  span: PastSpan,
  measure: (rule: AlertRule, ends: readonly Ends[]) => AlertSample[],
): PastSamples[] {
  const windowMs = pastWindowMs(rule, span);
  let [first, next] = [0, 0];
  return endsOf(span).map((at) => {
    while (next < steps.length && (steps[next]?.at ?? at) < at) next++;
    while (first < next && (steps[first]?.at ?? 0) < at - windowMs) first++;
    return { at, samples: measure(rule, steps.slice(first, next)) };
  });
}
