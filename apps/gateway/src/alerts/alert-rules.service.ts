import { Injectable } from '@nestjs/common';
import { DEFAULT_ALERT_RULES, effectiveRules } from '@millrace/domain';
import type { AlertRule } from '@millrace/domain';
import { TaskLog } from '@millrace/log';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import type { AlertRuleView, DefineAlertRule } from './alert-rules.schema.js';

const NOUN = 'alert_rule';

/** What a new rule has that says nothing of it. */
const NEW_RULE = {
  window_seconds: 300,
  min_count: 0,
  comparison: 'above',
  for_seconds: 0,
  enabled: true,
} as const;

const DEFAULTS = new Map(DEFAULT_ALERT_RULES.map((rule) => [rule.name, rule]));

/** The alert rules: the default ones, and what was written over and beside them. The scheduler follows at its next look. */
@Injectable()
export class AlertRules {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
  ) {}

  /** What somebody has written, over the default rules and beside them. */
  async written(): Promise<AlertRule[]> {
    await this.gate.pass();
    const entries = await this.log.buckets.alertRules.entries();
    return entries.map(({ value }) => value);
  }

  /** By name. */
  async list(): Promise<AlertRuleView[]> {
    const written = await this.written();
    const names = new Set(written.map(({ name }) => name));
    return effectiveRules(written).map((rule) => viewOf(rule, names.has(rule.name)));
  }

  /** @throws ProblemError `alert-rule/not-found` */
  async get(name: string): Promise<AlertRuleView> {
    const rule = (await this.list()).find((one) => one.name === name);
    if (rule) return rule;
    throw new ProblemError(
      'alert-rule/not-found',
      `There is no alert rule "${name}". GET /api/v1/alert-rules lists them; PUT makes one.`,
    );
  }

  /** Writes a rule, over a default one or beside them. Resolves once OPS was told. */
  async define(name: string, wish: DefineAlertRule, by: Origin): Promise<AlertRuleView> {
    await this.gate.pass();
    const rule = ruleOf(name, wish);
    const before = await this.log.buckets.alertRules.get(name).catch(() => undefined);
    await this.log.buckets.alertRules.put(name, rule);
    await this.#note('defined', name, by, { before: before?.value ?? null, after: rule });
    return viewOf(rule, true);
  }

  /**
   * Takes away what was written: a default rule holds again as it was, one of your own is gone.
   *
   * @throws ProblemError `alert-rule/not-found`
   */
  async reset(name: string, by: Origin): Promise<void> {
    const rule = await this.get(name);
    if (rule.origin === 'default') return;
    await this.log.buckets.alertRules.delete(name);
    await this.#note('reset', name, by, { before: rule });
  }

  #note(verb: string, name: string, by: Origin, more: object): Promise<number> {
    const note = {
      at: new Date().toISOString(),
      actor: by.actor,
      correlation_id: by.correlationId,
      rule: name,
      ...more,
    };
    return this.log.note(NOUN, verb, note, { deadlineMs: DEADLINE_MS });
  }
}

type Given = Partial<Omit<AlertRule, 'name' | 'metric' | 'message' | 'warning' | 'critical'>>;

/** The rule that a wish makes: what it leaves out is as in the default rule of the name, if that measures the same. */
export function ruleOf(name: string, wish: DefineAlertRule): AlertRule {
  const standard = DEFAULTS.get(name);
  const base = standard?.metric === wish.metric ? standard : NEW_RULE;
  const standardMessage = 'message' in base ? base.message : `${name}: {value}`;
  const { warning, critical, message = standardMessage, ...others } = wish;
  const given = Object.entries(others).filter(([, value]) => value !== undefined);
  return {
    ...base,
    ...(Object.fromEntries(given) as Given),
    name,
    metric: wish.metric,
    message,
    warning,
    critical,
  };
}

export const viewOf = (rule: AlertRule, isWritten: boolean): AlertRuleView => ({
  ...rule,
  origin: isWritten ? (DEFAULTS.has(rule.name) ? 'changed' : 'own') : 'default',
});
