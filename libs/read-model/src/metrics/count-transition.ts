import { statusOf } from '@millrace/domain';
import type { ExistingTask, Fact, ReadyReason } from '@millrace/domain';
import { isResume } from '../tasks/task.projection.js';
import type { ProjectedTask } from '../tasks/task.projection.js';
import { CHANGE_OF, addRun, addWait } from './measures.js';
import type { Counter, Measures } from './measures.js';

/** A fact, and the task before and after it. */
export interface Transition {
  before: ProjectedTask | undefined;
  after: ProjectedTask;
  fact: Fact;
}

/** The measures of the minute of a time, of a queue and a task name. */
export type MeasuresAt = (at: string, queue: string, name: string) => Measures;

/**
 * What one fact adds to the metrics. It follows from the fact and the state before alone, so that it can be counted again, or taken back,
 * from the archive.
 */
export function countTransition({ before, after, fact }: Transition, measuresAt: MeasuresAt): void {
  const [from, to] = [before?.state, after.state];
  if (isReport(fact) && from && statusOf(from) === statusOf(to)) return;
  const measures = measuresAt(fact.at, to.queue, to.spec.name);
  if (from) move(from, -1, isOf(from, to) ? measures : measuresAt(fact.at, from.queue, from.spec.name));
  move(to, 1, measures);
  if (fact.prev === 0 && fact.kind !== 'cleaned' && !isCarried(fact)) measures.submitted++;
  count(measures, before, to, fact);
}

const isReport = ({ kind }: Fact): boolean => kind === 'progress' || kind === 'checkpoint' || kind === 'step';

const isOf = (a: ExistingTask, b: ExistingTask): boolean =>
  a.queue === b.queue && a.spec.name === b.spec.name;

/** The wait of a task once more, or a task that had left the log: nothing has happened to it. */
const isCarried = ({ data }: Fact): boolean => 'carried' in data;

/** A task more or less in its status; one that was cleaned up counts no more. */
function move(state: ExistingTask, by: 1 | -1, measures: Measures): void {
  if (state.phase === 'cleaned') return;
  measures[CHANGE_OF[statusOf(state)]] += by;
  if (state.phase === 'held') measures.in_held += by;
  else if (state.phase === 'scheduled' && state.reason !== 'retry') measures.in_delayed += by;
}

const READY: Record<ReadyReason, Counter | undefined> = {
  submitted: undefined,
  branched: undefined,
  resumed: 'resumed',
  redriven: 'redriven',
  restarted: 'redriven',
  reordered: 'reordered',
  reprioritised: 'reordered',
  released: undefined,
  repaired: undefined,
  replaced: undefined,
  run_now: undefined,
  aged: undefined,
  restored: undefined,
};

function count(measures: Measures, before: ProjectedTask | undefined, to: ExistingTask, fact: Fact): void {
  const from = before?.state;
  switch (fact.kind) {
    case 'front':
    case 'p10':
    case 'p9':
    case 'p8':
    case 'p7':
    case 'p6':
    case 'p5':
    case 'p4':
    case 'p3':
    case 'p2':
    case 'p1':
    case 'p0': {
      const counter = READY[fact.data.reason];
      if (counter) measures[counter]++;
      // A new ticket for an attempt: whoever ran it is dead.
      if (from?.phase === 'running') measures.lost++;
      return;
    }
    case 'scheduled':
      if (isResume(from, fact)) measures.resumed++;
      if (isReprioritised(from, to)) measures.reordered++;
      // The same wait once more names no attempt.
      if (fact.data.reason !== 'retry' || fact.data.attempt === undefined) return;
      measures.retried++;
      ran(measures, fact.data);
      return;
    case 'held':
      if (from?.phase !== 'held' || isCarried(fact)) return;
      if (fact.data.rank !== undefined || isReprioritised(from, to)) measures.reordered++;
      return;
    case 'started':
      measures.started++;
      if (from?.phase === 'running') measures.lost++;
      else waited(measures, from, fact);
      return;
    case 'paused':
      if (from && from.phase !== 'paused' && from.phase !== 'cancelled') measures.paused++;
      return;
    case 'succeeded':
      measures.completed++;
      if (before?.notes.resumed) measures.resumed_completed++;
      ran(measures, fact.data);
      return;
    case 'failed':
      measures.failed++;
      if (before?.notes.resumed) measures.resumed_failed++;
      if (fact.data.reason === 'worker_lost') measures.lost++;
      else ran(measures, fact.data);
      return;
    case 'cancelled':
      measures.cancelled++;
      return;
    case 'progress':
    case 'checkpoint':
    case 'step':
    case 'yielded':
    case 'cleaned':
      return;
  }
}

/** A waiting task that somebody gave another priority; a task that replaces it is another one. */
const isReprioritised = (from: ExistingTask | undefined, to: ExistingTask): boolean =>
  from?.phase === to.phase &&
  from.spec.priority !== to.spec.priority &&
  Date.parse(from.spec.submitted_at) === Date.parse(to.spec.submitted_at);

/** By the time of the wait, not of the timer, which is no fact. */
function waited(measures: Measures, from: ExistingTask | undefined, { at }: Fact): void {
  const since =
    from?.phase === 'ready' ? from.updated_at : from?.phase === 'scheduled' ? from.until : undefined;
  if (since !== undefined) addWait(measures, Date.parse(at) - Date.parse(since));
}

function ran(measures: Measures, { duration_ms }: { duration_ms?: number }): void {
  if (typeof duration_ms === 'number') addRun(measures, duration_ms);
}
