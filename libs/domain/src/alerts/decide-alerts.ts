import { alertKey, alertMessage } from './alert.js';
import type { AlertSample, AlertState } from './alert.js';
import { SEVERITIES } from './rule.js';
import type { AlertRule, Severity } from './rule.js';

/** What happens to an alert. */
export type AlertTransition = 'raised' | 'escalated' | 'eased' | 'resolved';

/** How what is known of a rule and scope changes. */
export interface AlertDecision {
  /** As it is from now on. One that is over and has nothing pending can be forgotten. */
  state: AlertState;
  /** Undefined when nobody has to be told. */
  transition?: AlertTransition;
}

/** A rule that a whole system breaks must not flood whoever is told: further scopes wait until an alert of it is over. */
export const ALERTS_OF_A_RULE = 100;

/** How often the value of an alert is written anew while nothing else changes, */
const REFRESH_MS = 60_000;
/** and how often an alert is written at all while nothing changes: what nobody looks after any more is forgotten. */
const KEEP_MS = 3_600_000;

/**
 * What changes with these samples. A scope of which there is no sample any more is healthy: its task has ended, its queue is empty.
 *
 * @param samples all there are now for the rule, the worst first
 * @param known what is known of the rule, whatever its scope
 */
export function decideAlerts(
  rule: AlertRule,
  samples: readonly AlertSample[],
  known: readonly AlertState[],
  now: number,
): AlertDecision[] {
  const states = new Map(known.map((state) => [state.key, state]));
  const decisions: AlertDecision[] = [];
  let room = ALERTS_OF_A_RULE - known.length;
  for (const sample of samples) {
    const key = alertKey(rule.name, sample.scope);
    const state = states.get(key);
    states.delete(key);
    if (state) decisions.push(...next(rule, state, sample, now));
    else if (severityOf(rule, sample) && room-- > 0)
      decisions.push(...next(rule, unknown(rule, key, sample, now), sample, now));
  }
  for (const state of states.values()) decisions.push(...next(rule, state, undefined, now));
  return decisions;
}

/** The end of all alerts of a rule that is there no more, or was switched off. */
export const endAlerts = (known: readonly AlertState[], now: number): AlertDecision[] =>
  known.map((state) => over(state, now));

/** Whether nothing is left to know of it. */
export const isForgettable = ({ severity, turned }: AlertState): boolean =>
  severity === null && turned.warning === undefined && turned.critical === undefined;

/** How bad a sample alone is; undefined when it is healthy. */
export function severityOf(
  rule: AlertRule,
  { value, count = Infinity }: Pick<AlertSample, 'value' | 'count'>,
): Severity | undefined {
  if (count < rule.min_count) return undefined;
  const crosses = (threshold: number | undefined): boolean =>
    threshold !== undefined && (rule.comparison === 'above' ? value > threshold : value < threshold);
  if (crosses(rule.critical)) return 'critical';
  return crosses(rule.warning) ? 'warning' : undefined;
}

function next(
  rule: AlertRule,
  state: AlertState,
  sample: AlertSample | undefined,
  now: number,
): AlertDecision[] {
  const seen = sample && severityOf(rule, sample);
  const turned: AlertState['turned'] = {};
  let severity: Severity | null = null;
  for (const threshold of SEVERITIES) {
    if (rule[threshold] === undefined) continue;
    const turn = crossed(reaches(state.severity, threshold), reaches(seen ?? null, threshold), {
      since: state.turned[threshold],
      now,
      forMs: rule.for_seconds * 1_000,
    });
    if (turn.isOn) severity = threshold;
    if (turn.since !== undefined) turned[threshold] = turn.since;
  }
  const changed = { ...state, ...described(rule, state, sample, severity), severity, turned, seen_at: now };
  if (severity !== state.severity) return [told(state, changed, now)];
  return isWorthWriting(state, changed) ? [{ state: changed }] : [];
}

/** A switch that follows what is seen once that has lasted. */
function crossed(
  isOn: boolean,
  isSeen: boolean,
  { since, now, forMs }: { since: number | undefined; now: number; forMs: number },
): { isOn: boolean; since?: number } {
  if (isOn === isSeen) return { isOn };
  const from = since ?? now;
  return now - from >= forMs ? { isOn: isSeen } : { isOn, since: from };
}

function told(before: AlertState, after: AlertState, now: number): AlertDecision {
  if (after.severity === null) return over(after, now);
  if (before.severity === null)
    return { state: { ...after, worst: after.severity, raised_at: now }, transition: 'raised' };
  const isWorse = after.severity === 'critical';
  return {
    state: { ...after, worst: isWorse ? 'critical' : before.worst },
    transition: isWorse ? 'escalated' : 'eased',
  };
}

function over(state: AlertState, now: number): AlertDecision {
  const ended = { ...state, severity: null, turned: {}, threshold: null, seen_at: now };
  return state.raised_at === null ? { state: ended } : { state: ended, transition: 'resolved' };
}

function described(
  rule: AlertRule,
  state: AlertState,
  sample: AlertSample | undefined,
  severity: Severity | null,
): Pick<AlertState, 'value' | 'threshold' | 'message' | 'count' | 'detail'> {
  const threshold = (severity && rule[severity]) ?? null;
  if (!sample) return { value: state.value, threshold, message: state.message };
  const { value, count, detail } = sample;
  return { value, threshold, count, detail, message: alertMessage(rule, sample, threshold) };
}

function unknown(rule: AlertRule, key: string, sample: AlertSample, now: number): AlertState {
  const { scope, value } = sample;
  const never = { severity: null, worst: null, raised_at: null, threshold: null } as const;
  return { key, rule: rule.name, scope, ...never, turned: {}, value, message: '', seen_at: now };
}

const reaches = (severity: Severity | null, threshold: Severity): boolean =>
  severity !== null && SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(threshold);

function isWorthWriting(before: AlertState, after: AlertState): boolean {
  const { turned } = before;
  if (turned.warning !== after.turned.warning || turned.critical !== after.turned.critical) return true;
  const age = after.seen_at - before.seen_at;
  return age >= KEEP_MS || (age >= REFRESH_MS && after.value !== before.value);
}
