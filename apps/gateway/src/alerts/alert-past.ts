import {
  leastThreshold,
  pastDeadLetters,
  pastDepths,
  pastFailureRates,
  pastRuns,
  pastWaits,
  pastWindowMs,
} from '@millrace/domain';
import type { AlertMetric, AlertRule, PastSamples, PastSpan, PastStay } from '@millrace/domain';
import type { MetricSteps, Stay } from '@millrace/read-model';
import type { Archive } from '../archive/archive.js';
import { ProblemError } from '../http/problem.js';

/** How the past of a metric is known. */
export interface AlertPast {
  /** Sums of minutes, later of hours and days; or single facts. */
  from: 'metrics' | 'facts';
  samples: (archive: Archive, rule: AlertRule, span: PastSpan) => Promise<PastSamples[]>;
}

/** What began earlier than so long before the span is not seen. */
const SEEN_BEFORE_MS = 3_600_000;

/** Told by how tasks ended in the windows of the rule. */
const ofEnds =
  (past: typeof pastFailureRates | typeof pastDeadLetters): AlertPast['samples'] =>
  async (archive, rule, span) =>
    past(rule, timed((await stepsOf(archive, rule, span, pastWindowMs(rule, span))).steps), span);

/** The metrics on whose past a rule can be tried; of the others nothing is kept. */
export const ALERT_PASTS: Partial<Record<AlertMetric, AlertPast>> = {
  failure_rate: { from: 'metrics', samples: ofEnds(pastFailureRates) },
  dead_letters: { from: 'metrics', samples: ofEnds(pastDeadLetters) },
  queue_depth: {
    from: 'metrics',
    samples: async (archive, rule, span) => {
      const { steps, before } = await stepsOf(archive, rule, span, 0);
      return pastDepths(rule, timed(steps), before, span);
    },
  },
  task_duration: {
    from: 'facts',
    samples: async (archive, rule, span) =>
      pastRuns(staysOf(await archive.alerts.pastRuns(stayOf(rule, span), rule)), span),
  },
  oldest_wait: {
    from: 'facts',
    samples: async (archive, rule, span) =>
      pastWaits(rule, staysOf(await archive.alerts.pastWaits(stayOf(rule, span), rule)), span),
  },
};

const stepsOf = (
  archive: Archive,
  { queue, task_name }: AlertRule,
  { from, to, stepMs }: PastSpan,
  windowMs: number,
): Promise<MetricSteps> =>
  archive.metrics.steps({
    from: new Date(from - windowMs).toISOString(),
    to: new Date(to).toISOString(),
    interval_seconds: stepMs / 1_000,
    ...(queue !== undefined && { queue }),
    ...(task_name !== undefined && { name: task_name }),
  });

const timed = (steps: MetricSteps['steps']): (Omit<MetricSteps['steps'][number], 'at'> & { at: number })[] =>
  steps.map((step) => ({ ...step, at: Date.parse(step.at) }));

/** Where healthy is long, every stay counts. */
function stayOf(rule: AlertRule, { from, to }: PastSpan): { from: Date; to: Date; seconds: number } {
  const seconds = rule.comparison === 'above' ? Math.max(0, leastThreshold(rule)) : 0;
  return { from: new Date(from - seconds * 1_000 - SEEN_BEFORE_MS), to: new Date(to), seconds };
}

function staysOf(stays: Stay[] | undefined): PastStay[] {
  if (!stays) {
    const message = 'is too long before to: too much happened meanwhile.';
    throw new ProblemError('request/invalid', `The field from ${message}`, {
      errors: [{ path: 'from', message }],
    });
  }
  return stays.map(({ since, until, ...task }) => ({
    ...task,
    since: Date.parse(since),
    until: until === null ? null : Date.parse(until),
  }));
}
