import { alertKey, decideAlerts, endAlerts, isForgettable } from '@millrace/domain';
import type { AlertDecision, AlertMetric, AlertRule, AlertSample, AlertState } from '@millrace/domain';
import type { AlertRecord, Bucket, Entry } from '@millrace/log';
import type { Announcer } from './announcer.js';

/** Whoever has written what is to be told has so long to tell it himself. */
const LEFT_ALONE_MS = 3_000;

/**
 * The alerts: one record for each rule and scope, changed by its revision, so that of two leaders one raises. What is to be told stands in
 * the record until it was told: whoever dies in between is followed by one who ends what was begun.
 */
export class AlertBook {
  constructor(
    private readonly alerts: Bucket<AlertRecord>,
    private readonly announcer: Announcer,
    private readonly leftAloneMs = LEFT_ALONE_MS,
  ) {}

  /** All that is known now. */
  read(): Promise<Entry<AlertRecord>[]> {
    return this.alerts.entries();
  }

  /** Raises, changes and resolves the alerts of a rule by what is measured now; `known` is what {@link read} said. */
  async observe(
    rule: AlertRule,
    samples: readonly AlertSample[],
    known: readonly Entry<AlertRecord>[],
    now = Date.now(),
  ): Promise<void> {
    const entries = known.filter(({ value }) => value.rule === rule.name);
    // Of what is not told yet nothing new is decided.
    const untold = new Set(entries.flatMap(({ key, value }) => (value.announce ? [key] : [])));
    const decided = decideAlerts(
      rule,
      samples.filter(({ scope }) => !untold.has(alertKey(rule.name, scope))),
      entries.filter(({ key }) => !untold.has(key)).map(({ value }) => stateOf(value)),
      now,
    );
    for (const decision of decided) await this.#apply(rule.metric, decision, entries, now);
  }

  /** Resolves the alerts of rules that are there no more. */
  async endAllBut(
    rules: ReadonlySet<string>,
    known: readonly Entry<AlertRecord>[],
    now = Date.now(),
  ): Promise<void> {
    const orphans = known.filter(({ value }) => !rules.has(value.rule) && !value.announce);
    for (const entry of orphans)
      for (const decision of endAlerts([stateOf(entry.value)], now))
        await this.#apply(entry.value.metric, decision, [entry], now);
  }

  /** Tells what somebody has written and did not live to tell. */
  async tellLeftOver(known: readonly Entry<AlertRecord>[], now = Date.now()): Promise<void> {
    for (const entry of known) {
      const { announce } = entry.value;
      if (announce && now - announce.at >= this.leftAloneMs) await this.#tell(entry, true);
    }
  }

  async #apply(
    metric: AlertMetric,
    { state, transition }: AlertDecision,
    entries: readonly Entry<AlertRecord>[],
    now: number,
  ): Promise<void> {
    const before = entries.find(({ key }) => key === state.key);
    if (!transition && isForgettable(state)) {
      if (before) await this.alerts.deleteRevision(before.key, before.revision);
      return;
    }
    const isNew = transition === 'raised' || !before;
    const alert_id = isNew ? crypto.randomUUID() : before.value.alert_id;
    const transitions = (isNew ? 0 : before.value.transitions) + (transition ? 1 : 0);
    const record: AlertRecord = {
      ...state,
      alert_id,
      metric,
      transitions,
      ...(transition && { announce: { id: `${alert_id}-${transitions}`, verb: transition, at: now } }),
    };
    const revision = await this.alerts.replace(state.key, record, before?.revision);
    if (revision === undefined || !transition) return;
    await this.#tell({ key: state.key, value: record, revision }, false);
  }

  async #tell({ key, value, revision }: Entry<AlertRecord>, isLeftOver: boolean): Promise<void> {
    const { announce, ...record } = value;
    if (!announce) return;
    await this.announcer.tell(record, announce, isLeftOver);
    // Who comes second finds another revision: the same was told by somebody else.
    if (isForgettable(stateOf(value))) await this.alerts.deleteRevision(key, revision);
    else await this.alerts.update(key, record, revision);
  }
}

/** What the decider knows of a record. */
function stateOf({
  alert_id: _id,
  metric: _metric,
  transitions: _count,
  announce: _told,
  ...state
}: AlertRecord): AlertState {
  return state;
}
