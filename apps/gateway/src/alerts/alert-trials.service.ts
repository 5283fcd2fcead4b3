import { Injectable } from '@nestjs/common';
import { ALERT_METRICS, pastSamples, wouldHaveFired } from '@millrace/domain';
import type { AlertRule } from '@millrace/domain';
import { Archive } from '../archive/archive.js';
import { ProblemError } from '../http/problem.js';
import type { EvaluateAlertRule, WouldBeAlerts } from './alert-rules.schema.js';
import { AlertRules, ruleOf } from './alert-rules.service.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** As long as minutes are kept; beyond that the past is known by hours. */
const BY_MINUTES_MS = 48 * HOUR_MS;
const DAYS_MOST = 92;

/** Tries rules on the past. */
@Injectable()
export class AlertTrials {
  constructor(
    private readonly rules: AlertRules,
    private readonly archive: Archive,
  ) {}

  /**
   * The alerts that a rule would have raised.
   *
   * @throws ProblemError `alert-rule/not-found`, `alert-rule/not-kept`
   */
  async evaluate(name: string, { from, to, rule: wish }: EvaluateAlertRule): Promise<WouldBeAlerts> {
    const view = wish ? { ...ruleOf(name, wish), origin: 'own' as const } : await this.rules.get(name);
    if (!ALERT_METRICS[view.metric].isKept) throw notKept(view);
    const span = spanOf(from, to);
    const { stepMs } = span;
    const windowMs = Math.ceil((view.window_seconds * 1_000) / stepMs) * stepMs;
    const ends = await this.archive.endsOfTasks(
      stepMs === MINUTE_MS ? 'minute' : 'hour',
      new Date(span.from - windowMs),
      new Date(span.to),
      view,
    );
    const past = pastSamples(
      view,
      ends.map((end) => ({ ...end, at: Date.parse(end.at) })),
      span,
    );
    if (!past) throw notKept(view);
    return {
      rule: view,
      from: isoOf(span.from),
      to: isoOf(span.to),
      step_seconds: stepMs / 1_000,
      alerts: wouldHaveFired({ ...view, enabled: true }, past).map(({ scope, ...alert }) => ({
        ...alert,
        queue: scope.queue ?? null,
        task_name: scope.task_name ?? null,
        raised_at: isoOf(alert.raised_at),
        resolved_at: alert.resolved_at === null ? null : isoOf(alert.resolved_at),
      })),
    };
  }
}

/** Whole steps: minutes while they are kept, else hours. */
function spanOf(from: string, to: string): { from: number; to: number; stepMs: number } {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  if (toMs - fromMs > DAYS_MOST * 24 * HOUR_MS) {
    const message = `must lie within ${DAYS_MOST} days of from.`;
    throw new ProblemError('request/invalid', `The field to ${message}`, {
      errors: [{ path: 'to', message }],
    });
  }
  const stepMs = fromMs >= Date.now() - BY_MINUTES_MS ? MINUTE_MS : HOUR_MS;
  const whole = (ms: number): number => Math.floor(ms / stepMs) * stepMs;
  return { from: whole(fromMs), to: whole(toMs + stepMs - 1), stepMs };
}

const isoOf = (ms: number): string => new Date(ms).toISOString();

const notKept = ({ metric }: AlertRule): ProblemError =>
  new ProblemError(
    'alert-rule/not-kept',
    `How ${metric} was in the past is not kept; rules can be tried on ${Object.entries(ALERT_METRICS)
      .flatMap(([name, { isKept }]) => (isKept ? [name] : []))
      .join(' and ')}.`,
  );
