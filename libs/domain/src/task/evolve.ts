import type { Attempts, DataOf, Fact, Run, TaskCard } from './facts.js';
import { laneOf } from './kinds.js';
import type { Lane } from './kinds.js';
import type { CleanedTask, ExistingTask, KnownTask, ReadyTask, RunningTask, TaskState } from './state.js';

/**
 * The state after one more fact.
 *
 * Facts say absolute things (attempt 3, 2 of them failed), never increments, and every fact from which an attempt may start carries
 * the whole task. So the last fact of each kind, in order, folds to the same decisions as the whole history: readers need no scan.
 * A fact of a task whose card was never seen says nothing: the state stays as it is.
 */
export function evolve(state: TaskState, fact: Fact): TaskState {
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
    case 'p0':
      return {
        phase: 'ready',
        ...carded(state, fact, fact.data),
        lane: fact.kind,
        ticket: fact.sequence,
        ...(fact.data.slot && { slot: true }),
      };
    case 'scheduled':
      return {
        phase: 'scheduled',
        ...carded(state, fact, fact.data),
        until: fact.data.until,
        lane: fact.data.lane,
        reason: fact.data.reason,
        ...(fact.data.waiting_for !== undefined && { waiting_for: fact.data.waiting_for }),
        ...(fact.data.error && { error: fact.data.error }),
      };
    case 'held':
      return {
        phase: 'held',
        ...carded(state, fact, fact.data),
        waiting_for: fact.data.waiting_for,
        lane: fact.data.lane ?? laneOf(fact.data.task.priority),
        rank: fact.data.rank ?? fact.sequence,
      };
    case 'paused':
      return {
        phase: 'paused',
        ...carded(state, fact, fact.data),
        reason: fact.data.reason,
        ...(fact.data.until !== undefined && { until: fact.data.until }),
      };
    case 'started':
      return state.phase === 'none' ? state : running(state, fact, { ...fact.data, token: fact.sequence });
    case 'progress':
      return state.phase === 'none'
        ? state
        : { ...running(state, fact, fact.data.run), reported: true, progress: fact.data.progress };
    case 'checkpoint':
      if (state.phase === 'none') return state;
      return reported(state, fact, { ...withoutStep(fact.data.run), lost: 0, checkpoint: fact.sequence });
    case 'step':
      if (state.phase === 'none') return state;
      return reported(state, fact, { ...fact.data.run, lost: 0, step: fact.sequence });
    case 'yielded':
      return state.phase === 'none' ? state : yielded(state, fact, fact.data.run);
    case 'succeeded':
      if (state.phase === 'none') return state;
      return { phase: 'succeeded', ...known(state, fact), result: fact.data.result, finished_at: fact.at };
    case 'failed':
      if (state.phase === 'none') return state;
      return {
        phase: 'failed',
        ...known(state, fact),
        attempts: fact.data.attempts,
        error: fact.data.error,
        reason: fact.data.reason,
        finished_at: fact.at,
      };
    case 'cancelled':
      if (state.phase === 'none') return state;
      return {
        phase: 'cancelled',
        ...known(state, fact),
        reason: fact.data.reason,
        previous: fact.data.previous,
        ...(fact.data.operation !== undefined && { operation: fact.data.operation }),
        ...(fact.data.until !== undefined && { until: fact.data.until }),
        finished_at: fact.at,
      };
    case 'cleaned':
      return cleaned(fact, fact.data);
  }
}

/** Folds facts in the order of the log. */
export const fold = (facts: Iterable<Fact>, from: TaskState): TaskState => {
  let state = from;
  for (const fact of facts) state = evolve(state, fact);
  return state;
};

/** What the card of a fact says of the task, whatever was known before. */
function carded(state: TaskState, fact: Fact, card: TaskCard): KnownTask {
  const holdsInput = card.input === undefined;
  // What was replaced may be older than the input that the card names.
  const isKnown = state.phase !== 'none' && state.input === card.input;
  const parameters = holdsInput ? card.parameters : isKnown ? state.parameters : undefined;
  return {
    id: fact.task_id,
    queue: fact.queue,
    sequence: fact.sequence,
    updated_at: fact.at,
    spec: card.task,
    attempts: card.attempts,
    input: card.input ?? fact.sequence,
    checkpoint: card.checkpoint ?? 0,
    step: card.step ?? 0,
    ...(parameters !== undefined && { parameters }),
  };
}

/** What stays as it is when a fact without a card comes. */
function known(state: KnownTask, fact: Fact): KnownTask {
  return {
    id: state.id,
    queue: state.queue,
    sequence: fact.sequence,
    updated_at: fact.at,
    spec: state.spec,
    attempts: state.attempts,
    input: state.input,
    checkpoint: state.checkpoint,
    step: state.step,
    ...(state.parameters !== undefined && { parameters: state.parameters }),
  };
}

/** Whatever was known before: nothing of it is kept but what this fact says. */
const cleaned = (fact: Fact, { task, attempts, status, finished_at }: DataOf['cleaned']): CleanedTask => ({
  phase: 'cleaned',
  id: fact.task_id,
  queue: fact.queue,
  sequence: fact.sequence,
  updated_at: fact.at,
  spec: task,
  attempts,
  input: 0,
  checkpoint: 0,
  step: 0,
  status,
  finished_at,
  cleaned_at: fact.at,
});

/** A checkpoint names the steps before it: what came since is nothing yet. */
function withoutStep({ step: _step, ...run }: Run): Run {
  return run;
}

const attemptsOf = (run: Run): Attempts => ({ begun: run.attempt, failed: run.failed, lost: run.lost });

function running(state: ExistingTask, fact: Fact, run: Run): RunningTask {
  const same = state.phase === 'running' && state.run.token === run.token;
  return {
    phase: 'running',
    ...known(state, fact),
    attempts: attemptsOf(run),
    checkpoint: run.checkpoint ?? 0,
    step: run.step ?? 0,
    lane: laneOfTicket(state),
    run,
    started_at: same ? state.started_at : fact.at,
    reported: same && state.reported,
    ...(same && state.progress && { progress: state.progress }),
  };
}

const reported = (state: ExistingTask, fact: Fact, run: Run): RunningTask => ({
  ...running(state, fact, run),
  reported: true,
});

/** The attempt gave the task back unharmed: its ticket stays the ticket, and is claimed on the `yielded` fact. */
function yielded(state: ExistingTask, fact: Fact, run: Run): ReadyTask {
  return {
    phase: 'ready',
    ...known(state, fact),
    attempts: { ...attemptsOf(run), lost: 0 },
    checkpoint: run.checkpoint ?? 0,
    step: run.step ?? 0,
    lane: laneOfTicket(state),
    ticket: run.ticket,
    ...(run.slot && { slot: true }),
  };
}

/** An attempt stays in the lane of its ticket, where its redelivery and the ack floor are to be looked for. */
const laneOfTicket = (state: ExistingTask): Lane =>
  'lane' in state ? state.lane : laneOf(state.spec.priority);
