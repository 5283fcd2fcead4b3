import { alertKey } from './alert.js';
import type { AlertSample, AlertScope, AlertState } from './alert.js';
import { decideAlerts, isForgettable } from './decide-alerts.js';
import type { AlertRule, Severity } from './rule.js';

/** The measures of a moment of the past. */
export interface PastSamples {
  /** Milliseconds since the epoch. */
  at: number;
  samples: AlertSample[];
}

/** An alert that would have been. */
export interface WouldBeAlert {
  scope: AlertScope;
  /** The worst that it would have been. */
  severity: Severity;
  /** Milliseconds since the epoch. */
  raised_at: number;
  /** Null when it would last at the end. */
  resolved_at: number | null;
  /** The value that was farthest beyond the threshold. */
  worst_value: number;
  message: string;
}

/** The alerts that a rule would have raised, in the order in which they would have begun: the same decisions, on the past. */
export function wouldHaveFired(rule: AlertRule, past: readonly PastSamples[]): WouldBeAlert[] {
  let known: AlertState[] = [];
  const open = new Map<string, WouldBeAlert>();
  const all: WouldBeAlert[] = [];
  const steps = rule.enabled ? past : [];
  for (const { at, samples } of steps) {
    const decisions = decideAlerts(rule, samples, known, at);
    known = kept(
      known,
      decisions.map(({ state }) => state),
    );
    for (const { state, transition } of decisions) {
      if (transition === 'resolved') {
        const ended = open.get(state.key);
        if (ended) ended.resolved_at = at;
        open.delete(state.key);
      } else if (transition === 'raised') {
        const alert = begun(state, at);
        open.set(state.key, alert);
        all.push(alert);
      } else if (transition === 'escalated') {
        const alert = open.get(state.key);
        if (alert) Object.assign(alert, { severity: 'critical', message: state.message });
      }
    }
    for (const { scope, value } of samples) worsen(rule, open.get(alertKey(rule.name, scope)), value);
  }
  return all;
}

const begun = ({ scope, severity, value, message }: AlertState, at: number): WouldBeAlert => ({
  scope,
  severity: severity ?? 'warning',
  raised_at: at,
  resolved_at: null,
  worst_value: value,
  message,
});

function kept(known: AlertState[], changed: AlertState[]): AlertState[] {
  const states = new Map(known.map((state) => [state.key, state]));
  for (const state of changed) states.set(state.key, state);
  return [...states.values()].filter((state) => !isForgettable(state));
}

function worsen(rule: AlertRule, alert: WouldBeAlert | undefined, value: number): void {
  if (!alert) return;
  const isWorse = rule.comparison === 'above' ? value > alert.worst_value : value < alert.worst_value;
  if (isWorse) alert.worst_value = value;
}
