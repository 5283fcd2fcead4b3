import { ALERT_METRICS, ALERT_METRIC_NAMES, DEFAULT_ALERT_RULES, NAME_PATTERN } from '@millrace/domain';
import type { AlertRule } from '@millrace/domain';
import { z } from 'zod';
import { severity } from './alerts.schema.js';

const DAY_SECONDS = 86_400;
const MESSAGE_CHARACTERS = 500;
const MIN_COUNT_MOST = 1_000_000;
const RULES_MOST = 100;

const name = z
  .string()
  .regex(NAME_PATTERN, { error: 'must be 1 to 64 of the characters a-z, 0-9, _ and -.' });

const settings = {
  metric: z.enum(ALERT_METRIC_NAMES).meta({
    description: Object.entries(ALERT_METRICS)
      .map(([metric, { meaning, unit }]) => `${metric}: ${meaning} (${unit})`)
      .join('; '),
  }),
  queue: name.optional().meta({ description: 'Only what belongs to this queue.' }),
  task_name: name.optional().meta({ description: 'Only tasks of this name.' }),
  each: z.enum(['queue', 'task_name']).optional().meta({ description: 'An alert of its own for each.' }),
  window_seconds: z
    .number()
    .min(60)
    .max(DAY_SECONDS)
    .meta({ description: 'How far failure_rate and dead_letters look back, in whole minutes.' }),
  min_count: z
    .int()
    .min(0)
    .max(MIN_COUNT_MOST)
    .meta({ description: 'A rate of fewer tasks counts as healthy.' }),
  comparison: z.enum(['above', 'below']),
  warning: z.number().optional(),
  critical: z.number().optional(),
  for_seconds: z
    .number()
    .min(0)
    .max(DAY_SECONDS)
    .meta({ description: 'A threshold counts as crossed, in either sense, once that has lasted so long.' }),
  enabled: z.boolean(),
  message: z.string().min(1).max(MESSAGE_CHARACTERS).meta({
    description:
      'What the alert says; {value}, {threshold}, {count}, {queue}, {task_name}, {task_id} and {worker_id} are filled in.',
  }),
};

/** What is left out is as in the default rule of this name, or as a new rule has it. */
export const DefineAlertRule = z
  .strictObject({
    ...settings,
    window_seconds: settings.window_seconds.optional(),
    min_count: settings.min_count.optional(),
    comparison: settings.comparison.optional(),
    for_seconds: settings.for_seconds.optional(),
    enabled: settings.enabled.optional(),
    message: settings.message.optional(),
  })
  .superRefine(refuseNonsense)
  .meta({
    id: 'DefineAlertRule',
    example: { metric: 'failure_rate', queue: 'films', warning: 5, critical: 15, window_seconds: 600 },
  });
export type DefineAlertRule = z.infer<typeof DefineAlertRule>;

export const DefineAlertRules = z
  .strictObject({
    items: z
      .array(z.strictObject({ name, rule: DefineAlertRule }))
      .min(1)
      .max(RULES_MOST),
  })
  .meta({ id: 'DefineAlertRules' });
export type DefineAlertRules = z.infer<typeof DefineAlertRules>;

export const RuleName = name;

export const AlertRuleView = z
  .object({
    name,
    ...settings,
    origin: z.enum(['default', 'changed', 'own']).meta({
      description: 'changed: a default rule that was written over; own: a rule of your own.',
    }),
  })
  .meta({ id: 'AlertRule' });
export type AlertRuleView = z.infer<typeof AlertRuleView>;

export const AlertRuleList = z.object({ items: z.array(AlertRuleView) }).meta({ id: 'AlertRuleList' });
export type AlertRuleList = z.infer<typeof AlertRuleList>;

export const EvaluateAlertRule = z
  .strictObject({
    from: z.iso.datetime({ offset: true }),
    to: z.iso.datetime({ offset: true }),
    rule: DefineAlertRule.optional().meta({ description: 'Tried instead of the rule as it stands.' }),
  })
  .refine(({ from, to }) => Date.parse(from) < Date.parse(to), {
    path: ['to'],
    error: 'must be later than from.',
  })
  .meta({
    id: 'EvaluateAlertRule',
    example: { from: '2026-01-05T00:00:00Z', to: '2026-01-06T00:00:00Z' },
  });
export type EvaluateAlertRule = z.infer<typeof EvaluateAlertRule>;

export const WouldBeAlerts = z
  .object({
    rule: AlertRuleView,
    from: z.string(),
    to: z.string(),
    step_seconds: z
      .int()
      .meta({ description: 'How finely the past is looked at: by minutes, hours or days.' }),
    alerts: z.array(
      z.object({
        severity: severity.meta({ description: 'The worst that it would have been.' }),
        queue: z.string().nullable(),
        task_name: z.string().nullable(),
        task_id: z.string().nullable(),
        raised_at: z.string(),
        resolved_at: z.string().nullable().meta({ description: 'Null: it would still be open.' }),
        worst_value: z.number(),
        message: z.string(),
      }),
    ),
  })
  .meta({ id: 'WouldBeAlerts' });
export type WouldBeAlerts = z.infer<typeof WouldBeAlerts>;

type Wish = Pick<AlertRule, 'metric'> & { [Field in keyof AlertRule]?: AlertRule[Field] | undefined };

function refuseNonsense(rule: Wish, context: z.RefinementCtx): void {
  const refuse = (path: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [path], message });
  };
  const { metric, warning, critical, comparison = 'above' } = rule;
  const scopes: readonly string[] = ALERT_METRICS[metric].scopes;
  if (warning === undefined && critical === undefined)
    refuse('warning', 'or critical must be given: without a threshold a rule says nothing.');
  else if (warning !== undefined && critical !== undefined && warning !== critical)
    if (critical > warning !== (comparison === 'above'))
      refuse('critical', `must be ${comparison} the warning: it is the worse of the two.`);
  for (const scope of ['queue', 'task_name'] as const) {
    if (rule[scope] !== undefined && !scopes.includes(scope)) refuse(scope, `cannot narrow down ${metric}.`);
    if (rule.each === scope && !scopes.includes(scope)) refuse('each', `cannot be ${scope} for ${metric}.`);
  }
  if (metric === 'task_duration' && comparison === 'below')
    refuse('comparison', 'must be above for task_duration: every task has run for a short time once.');
  if (metric === 'task_duration' && rule.each !== undefined)
    refuse('each', 'is not for task_duration, which has an alert for each task.');
}

const [example] = DEFAULT_ALERT_RULES as readonly [AlertRule, ...AlertRule[]];
const view: AlertRuleView = { ...example, origin: 'default' };

export const alertRuleExamples: { rule: AlertRuleView; list: AlertRuleList; wouldBe: WouldBeAlerts } = {
  rule: view,
  list: { items: [view] },
  wouldBe: {
    rule: view,
    from: '2026-01-05T00:00:00.000Z',
    to: '2026-01-06T00:00:00.000Z',
    step_seconds: 60,
    alerts: [
      {
        severity: 'critical',
        queue: null,
        task_name: null,
        task_id: null,
        raised_at: '2026-01-05T03:12:00.000Z',
        resolved_at: '2026-01-05T03:40:00.000Z',
        worst_value: 34.5,
        message: 'Failure rate is 21.05 % of 190 tasks in the last 5 minutes',
      },
    ],
  },
};
