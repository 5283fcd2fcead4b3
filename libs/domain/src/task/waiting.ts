import { cardOf, held, ready } from './card.js';
import { cleanedUp } from './clean.js';
import type { CommandOf, Context } from './commands.js';
import type { DataOf, TaskCard, TaskEvent } from './facts.js';
import { insteadOf } from './instead.js';
import { LANES, laneOf, laneRank } from './kinds.js';
import type { Lane } from './kinds.js';
import { TaskRefusal } from './refusals.js';
import { SLOT, statusOf } from './state.js';
import type { ExistingTask, HeldTask, ReadyTask, ScheduledTask, TaskState } from './state.js';

/** What is decided about tasks while they wait, in a lane, for a time, or for a slot. */

export function submit(command: CommandOf<'submit'>, state: TaskState): TaskEvent {
  if (state.phase !== 'none')
    throw new TaskRefusal('task/already-exists', `A task with the id ${state.id} was submitted before.`);
  return waiting({ ...newCard(command), ...command.from }, command, command.from ? 'branched' : 'submitted');
}

/** The id, and with it the promise of its key, stays; all else is new. */
export function replace(command: CommandOf<'replace'>, state: ExistingTask): TaskEvent {
  if (!canMove(state) && state.phase !== 'paused') throw notWaiting(state);
  if (state.attempts.begun > 0)
    throw new TaskRefusal(
      'task/already-started',
      `The task is ${statusOf(state)} and has started before; only what never started is replaced.`,
    );
  if (state.phase !== 'paused') return waiting(newCard(command), command, 'replaced');
  // It is somebody's decision that it does not run yet: who submits it anew does not know of that.
  const { not_before: until } = command;
  return {
    kind: 'paused',
    data: { ...newCard(command), reason: state.reason, ...(until !== undefined && { until }) },
  };
}

const newCard = ({ spec, parameters }: CommandOf<'submit' | 'replace'>): TaskCard => ({
  task: spec,
  attempts: { begun: 0, failed: 0, lost: 0 },
  parameters,
});

function waiting(
  card: TaskCard,
  { not_before, limited }: CommandOf<'submit' | 'replace'>,
  reason: DataOf['front']['reason'],
): TaskEvent {
  const lane = laneOf(card.task.priority);
  if (not_before !== undefined)
    return { kind: 'scheduled', data: { ...card, until: not_before, lane, reason: 'delay' } };
  return limited ? held(card, lane) : ready(lane, card, reason);
}

/** The run replays up to its wait, and waits again if what it waits for is not there. */
export function release(command: CommandOf<'release'>, state: ExistingTask): TaskEvent | undefined {
  const waits = (state.phase === 'held' || state.phase === 'scheduled') && state.waiting_for;
  if (waits !== command.waiting_for) return undefined;
  return ready(laneOf(state.spec.priority), cardOf(state), 'released');
}

export function grant({ slot }: CommandOf<'grant'>, state: ExistingTask): TaskEvent {
  if (!waitsForSlot(state)) throw notWaiting(state);
  return ready(state.lane, cardOf(state), 'released', slot);
}

export function changePriority(
  { priority }: CommandOf<'change-priority'>,
  state: ExistingTask,
): TaskEvent | undefined {
  if (state.phase !== 'ready' && state.phase !== 'scheduled' && state.phase !== 'held')
    throw notWaiting(state);
  const lane = laneOf(priority);
  if (state.lane === lane && state.spec.priority === priority) return undefined;
  const task = { ...state, spec: { ...state.spec, priority }, lane };
  if (task.phase === 'ready') return ready(lane, cardOf(task), 'reprioritised', hasSlot(task));
  if (task.phase === 'scheduled') return scheduledAs(task);
  return { kind: 'held', data: { ...cardOf(task), waiting_for: task.waiting_for, lane } };
}

/** A new ticket, behind those that are in the lane: the older one is void. A task that waits for its time gives up its wait, one that fills a slot keeps it. */
export function moveTo(lane: Lane, state: ExistingTask, context: Context): TaskEvent {
  if (!(canMove(state) && state.phase === 'scheduled') && !isInLane(state, context)) throw notWaiting(state);
  return ready(lane, cardOf(state), 'reordered', hasSlot(state));
}

export function place({ lane, rank }: CommandOf<'place'>, state: ExistingTask): TaskEvent {
  if (!waitsForSlot(state)) throw notWaiting(state);
  return held(cardOf(state), lane, rank);
}

/** Its priority stays: what becomes of it after its next attempt is a wait of its own. */
export function age(state: ExistingTask, context: Context): TaskEvent | undefined {
  if (!isInLane(state, context) && !waitsForSlot(state)) throw notWaiting(state);
  if (state.lane === 'front' || state.lane === 'p10') return undefined;
  const lane = LANES[laneRank(state.lane) - 1] ?? state.lane;
  return state.phase === 'held'
    ? held(cardOf(state), lane)
    : ready(lane, cardOf(state), 'aged', hasSlot(state));
}

export function reschedule({ until }: CommandOf<'reschedule'>, state: ExistingTask): TaskEvent {
  if (!canMove(state)) throw notWaiting(state);
  if (state.phase === 'scheduled') return scheduledAs({ ...state, until });
  return { kind: 'scheduled', data: { ...cardOf(state), until, lane: state.lane, reason: 'delay' } };
}

export function runNow(state: ExistingTask): TaskEvent | undefined {
  if (!canMove(state)) throw notWaiting(state);
  return state.phase === 'scheduled' ? ready(state.lane, cardOf(state), 'run_now') : undefined;
}

export function restore(
  { operation }: CommandOf<'restore'>,
  state: ExistingTask,
  context: Context,
): TaskEvent {
  if (state.phase === 'cleaned') throw cleanedUp(state);
  if (state.phase !== 'cancelled' || state.operation !== operation)
    throw new TaskRefusal(
      'task/not-restorable',
      `The task is ${statusOf(state)} and not cancelled by the operation ${operation}. ${insteadOf(state)}`,
    );
  const delay = state.until === undefined ? {} : { until: state.until };
  // Somebody has put it aside, and nobody has asked for it since.
  if (state.previous === 'PAUSED')
    return { kind: 'paused', data: { ...cardOf(state), reason: 'restored', ...delay } };
  const lane = laneOf(state.spec.priority);
  if (state.until === undefined || Date.parse(state.until) <= context.now)
    return ready(lane, cardOf(state), 'restored');
  return { kind: 'scheduled', data: { ...cardOf(state), until: state.until, lane, reason: 'delay' } };
}

/** A retry that is begun anew by hand need not wait, and a run that sleeps knows for itself how long it wanted to. */
export const delayOf = (state: ExistingTask): { until?: string } =>
  (state.phase === 'scheduled' && state.reason === 'delay') || state.phase === 'paused'
    ? { ...(state.until !== undefined && { until: state.until }) }
    : {};

/** The same wait once more, as the state has it. */
export function scheduledAs(state: ScheduledTask): TaskEvent & { kind: 'scheduled' } {
  const { until, lane, reason, waiting_for, error } = state;
  return {
    kind: 'scheduled',
    data: {
      ...cardOf(state),
      until,
      lane,
      reason,
      ...(waiting_for !== undefined && { waiting_for }),
      ...(error && { error }),
    },
  };
}

/** A wait whose time has come is in its lane, too: its timer has fired, or does so now. */
const isInLane = (state: ExistingTask, { now }: Context): state is ReadyTask | ScheduledTask =>
  state.phase === 'ready' || (state.phase === 'scheduled' && Date.parse(state.until) <= now);

const hasSlot = (state: ExistingTask): boolean => state.phase === 'ready' && state.slot === true;

const waitsForSlot = (state: ExistingTask): state is HeldTask =>
  state.phase === 'held' && state.waiting_for === SLOT;

/** Whether its wait is nobody's business but ours: a run that sleeps or waits for a signal has chosen to. */
const canMove = (state: ExistingTask): state is Extract<ExistingTask, { lane: Lane }> =>
  state.phase === 'ready' ||
  waitsForSlot(state) ||
  (state.phase === 'scheduled' && (state.reason === 'delay' || state.reason === 'retry'));

const notWaiting = (state: ExistingTask): TaskRefusal =>
  new TaskRefusal(
    'task/not-waiting',
    `The task is ${statusOf(state)}${state.phase === 'held' || state.phase === 'scheduled' ? ` and waits for ${state.waiting_for ?? 'a time of its own'}` : ''}; only a task that waits for its turn or its time can be moved. ${insteadOf(state)}`,
  );
