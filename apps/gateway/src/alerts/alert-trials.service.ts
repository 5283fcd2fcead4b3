import { Injectable } from '@nestjs/common';
import { wouldHaveFired } from '@millrace/domain';
import type { AlertRule, PastSpan } from '@millrace/domain';
import { Archive } from '../archive/archive.js';
import { ProblemError } from '../http/problem.js';
import { ALERT_PASTS } from './alert-past.js';
import type { AlertPast } from './alert-past.js';
import type { EvaluateAlertRule, WouldBeAlerts } from './alert-rules.schema.js';
import { AlertRules, ruleOf } from './alert-rules.service.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** As long as minutes are kept, */
const BY_MINUTES_MS = 48 * HOUR_MS;
/** and hours; beyond that the past is known by days. */
const BY_HOURS_MS = 90 * DAY_MS;
const DAYS_MOST: Record<AlertPast['from'], number> = { metrics: 92, facts: 7 };

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
    const past = ALERT_PASTS[view.metric];
    if (!past) throw notKept(view);
    const span = spanOf(from, to, past);
    const samples = await past.samples(this.archive, view, span);
    return {
      rule: view,
      from: isoOf(span.from),
      to: isoOf(span.to),
      step_seconds: span.stepMs / 1_000,
      alerts: wouldHaveFired({ ...view, enabled: true }, samples).map(({ scope, ...alert }) => ({
        ...alert,
        queue: scope.queue ?? null,
        task_name: scope.task_name ?? null,
        task_id: scope.task_id ?? null,
        raised_at: isoOf(alert.raised_at),
        resolved_at: alert.resolved_at === null ? null : isoOf(alert.resolved_at),
      })),
    };
  }
}

/** Whole steps. */
function spanOf(from: string, to: string, { from: source }: AlertPast): PastSpan {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  if (toMs - fromMs > DAYS_MOST[source] * DAY_MS) {
    const message = `must lie within ${DAYS_MOST[source]} days of from.`;
    throw new ProblemError('request/invalid', `The field to ${message}`, {
      errors: [{ path: 'to', message }],
    });
  }
  const stepMs = source === 'facts' ? MINUTE_MS : keptStepMs(Date.now() - fromMs);
  const whole = (ms: number): number => Math.floor(ms / stepMs) * stepMs;
  return { from: whole(fromMs), to: whole(toMs + stepMs - 1), stepMs };
}

function keptStepMs(ageMs: number): number {
  if (ageMs <= BY_MINUTES_MS) return MINUTE_MS;
  return ageMs <= BY_HOURS_MS ? HOUR_MS : DAY_MS;
}

const isoOf = (ms: number): string => new Date(ms).toISOString();

const notKept = ({ metric }: AlertRule): ProblemError =>
  new ProblemError(
    'alert-rule/not-kept',
    `How ${metric} was in the past is not kept; rules can be tried on ${Object.keys(ALERT_PASTS).join(', ')}.`,
  );
