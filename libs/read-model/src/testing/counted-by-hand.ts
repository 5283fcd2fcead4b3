import { isLane } from '@millrace/domain';
import type { Fact } from '@millrace/domain';
import type { Counter, Measures } from '../metrics/measures.js';
import { attemptsOf } from '../task-events/attempts.js';

const COUNTED = [
  'submitted',
  'started',
  'completed',
  'failed',
  'retried',
  'cancelled',
  'lost',
  'resumed',
  'redriven',
  'waits',
  'wait_us',
  'runs',
  'run_us',
] as const satisfies readonly (Counter | 'waits' | 'wait_us' | 'runs' | 'run_us')[];

type Counts = Record<(typeof COUNTED)[number], number>;

/** What is counted here, of a row of the metrics. */
export const countsOf = (measures: Measures | Counts): Counts =>
  Object.fromEntries(COUNTED.map((counter) => [counter, measures[counter]])) as Counts;

/** Counts by minute, queue and name, of whole histories, task by task: by other ways than the projector's. */
export function countedByHand(facts: readonly Fact[]): Map<string, Counts> {
  const histories = new Map<string, Fact[]>();
  for (const fact of facts) histories.set(fact.task_id, [...(histories.get(fact.task_id) ?? []), fact]);
  const minutes = new Map<string, Counts>();
  for (const history of histories.values()) countHistory(history, minutes);
  return minutes;
}

function countHistory(facts: readonly Fact[], minutes: Map<string, Counts>): void {
  const [first] = facts;
  if (!first || !('task' in first.data)) return;
  const { queue, data } = first;
  const add = (at: string, counter: keyof Counts, by = 1): void => {
    const key = minuteKey({ at, queue, name: data.task.name });
    const counts = minutes.get(key) ?? noCounts();
    counts[counter] += by;
    minutes.set(key, counts);
  };
  const addDuration = (at: string, what: 'wait' | 'run', ms: number): void => {
    add(at, `${what}s`);
    add(at, `${what}_us`, Math.round(Math.max(0, ms) * 1000));
  };
  add(first.at, 'submitted');
  for (const { started_at, ended_at, outcome, duration_ms } of attemptsOf(facts)) {
    add(started_at, 'started');
    if (outcome === 'lost') add(ended_at ?? '', 'lost');
    if (outcome === 'succeeded' || outcome === 'failed') addDuration(ended_at ?? '', 'run', duration_ms ?? 0);
  }
  for (const [index, fact] of facts.entries()) {
    const before = facts[index - 1];
    if (fact.kind === 'succeeded') add(fact.at, 'completed');
    if (fact.kind === 'failed') add(fact.at, 'failed');
    if (fact.kind === 'cancelled') add(fact.at, 'cancelled');
    if (fact.kind === 'scheduled' && fact.data.error && fact.data.attempt) add(fact.at, 'retried');
    if (reasonOf(fact) === 'resumed') add(fact.at, 'resumed');
    if (fact.kind === 'scheduled' && before?.kind === 'paused') add(fact.at, 'resumed');
    if (['redriven', 'restarted'].includes(reasonOf(fact))) add(fact.at, 'redriven');
    const since = fact.kind === 'started' ? turnOf(before) : undefined;
    if (since !== undefined) addDuration(fact.at, 'wait', Date.parse(fact.at) - Date.parse(since));
  }
}

export const minuteKey = ({ at, queue, name }: { at: string; queue: string; name: string }): string =>
  `${at.slice(0, '2026-01-01T00:00'.length)} ${queue} ${name}`;

const noCounts = (): Counts => Object.fromEntries(COUNTED.map((counter) => [counter, 0])) as Counts;

const reasonOf = ({ data }: Fact): string => ('reason' in data ? data.reason : '');

function turnOf(before: Fact | undefined): string | undefined {
  if (before && (isLane(before.kind) || before.kind === 'yielded')) return before.at;
  return before?.kind === 'scheduled' ? before.data.until : undefined;
}
