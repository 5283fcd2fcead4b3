import { endsOf } from './past-steps.js';
import type { PastSpan } from './past-steps.js';
import type { AlertRule } from './rule.js';
import { queueSamples, runSamples } from './samples.js';
import type { PastSamples } from './would-have-fired.js';

/** How long a task was running, or waiting for its turn. Times are milliseconds since the epoch. */
export interface PastStay {
  id: string;
  queue: string;
  name: string;
  since: number;
  /** Null when it lasted at the end of the span. */
  until: number | null;
}

/** As the live rule does: the longest are looked at first, and more alerts nobody reads. */
const RUNS_AT_MOST = 1_000;

/** The runs that lasted at the end of each step of the past; `stays` in the order in which they began. */
export const pastRuns = (stays: readonly PastStay[], span: PastSpan): PastSamples[] =>
  lasting(stays, span).map(({ at, open }) => ({
    at,
    samples: runSamples(
      open.slice(0, RUNS_AT_MOST).map(({ since, ...task }) => ({ ...task, seconds: (at - since) / 1_000 })),
    ),
  }));

/** The longest of the waits that lasted then, of each queue or of all; in the same way. */
export function pastWaits(rule: AlertRule, stays: readonly PastStay[], span: PastSpan): PastSamples[] {
  const queues = new Set(stays.map(({ queue }) => queue));
  return lasting(stays, span).map(({ at, open }) => {
    const oldest = new Map([...queues].map((queue) => [queue, at]));
    for (const { queue, since } of open) oldest.set(queue, Math.min(since, oldest.get(queue) ?? at));
    const values = [...oldest].map(([queue, since]) => ({ queue, value: Math.round((at - since) / 1_000) }));
    return { at, samples: queueSamples(rule, values, 'most') };
  });
}

function lasting(stays: readonly PastStay[], span: PastSpan): { at: number; open: PastStay[] }[] {
  let next = 0;
  let open: PastStay[] = [];
  return endsOf(span).map((at) => {
    const first = next;
    while ((stays[next]?.since ?? Infinity) <= at) next++;
    open = [...open, ...stays.slice(first, next)].filter(({ until }) => until === null || until > at);
    return { at, open };
  });
}
