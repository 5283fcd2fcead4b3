import {
  afterLoss,
  claim,
  expired,
  fail,
  hasExpired,
  lostTooOften,
  ownRun,
  recordStep,
  succeed,
  suspend,
  takeOver,
} from './attempt.js';
import { cardOf, ready, redriven, wholeCardOf } from './card.js';
import { clean, cleanedUp } from './clean.js';
import type { Command, CommandOf, Context } from './commands.js';
import { MAX_LOST } from './facts.js';
import type { TaskEvent } from './facts.js';
import { insteadOf } from './instead.js';
import { laneOf } from './kinds.js';
import { TaskRefusal } from './refusals.js';
import { statusOf } from './state.js';
import type { ExistingTask, TaskState } from './state.js';
import {
  age,
  changePriority,
  delayOf,
  grant,
  moveTo,
  place,
  release,
  replace,
  reschedule,
  restore,
  runNow,
  scheduledAs,
  submit,
} from './waiting.js';

/**
 * The one judge of what may happen to a task.
 *
 * @returns the event to append, conditional on `state.sequence`; undefined when the wish is already true
 * @throws TaskRefusal when the state does not allow it
 */
export function decide(command: Command, state: TaskState, context: Context): TaskEvent | undefined {
  if (command.type === 'submit') return submit(command, state);
  if (state.phase === 'none') throw new TaskRefusal('task/not-found', 'There is no task with this id.');
  switch (command.type) {
    case 'claim':
      return claim(command, state, context);
    case 'take-over':
      return takeOver(command, state);
    case 'report-progress':
      return { kind: 'progress', data: { run: ownRun(state, command.token), progress: command.progress } };
    case 'save-checkpoint': {
      const run = { ...ownRun(state, command.token), lost: 0 };
      const { steps = {}, signals } = command;
      return {
        kind: 'checkpoint',
        data: { run, state: command.state, steps, ...(signals && { signals }) },
      };
    }
    case 'record-step':
      return recordStep(command, state);
    case 'suspend':
      return suspend(command, state);
    case 'release':
      return release(command, state);
    case 'grant':
      return grant(command, state);
    case 'yield':
      return { kind: 'yielded', data: { run: ownRun(state, command.token), reason: command.reason } };
    case 'succeed':
      return succeed(command, state);
    case 'fail':
      return fail(command, state, context);
    case 'cancel':
      return cancel(command, state);
    case 'expire':
      return expire(state, context);
    case 'pause':
      return pause(command, state);
    case 'resume':
      return resume(state, context);
    case 'retry':
      return retry(command, state);
    case 'change-priority':
      return changePriority(command, state);
    case 'move-to-front':
      return moveTo('front', state, context);
    case 'move-to-back':
      return moveTo(laneOf(state.spec.priority), state, context);
    case 'place':
      return place(command, state);
    case 'age':
      return age(state, context);
    case 'reschedule':
      return reschedule(command, state);
    case 'run-now':
      return runNow(state);
    case 'replace':
      return replace(command, state);
    case 'restore':
      return restore(command, state, context);
    case 'repair-ticket':
      return repairTicket(command, state);
    case 'carry':
      return carry(command, state);
    case 'clean':
      return clean(command, state);
  }
}

function cancel(command: CommandOf<'cancel'>, state: ExistingTask): TaskEvent | undefined {
  if (command.token !== undefined) ownRun(state, command.token);
  switch (state.phase) {
    case 'cancelled':
      return undefined;
    case 'succeeded':
      throw new TaskRefusal(
        'task/already-succeeded',
        'Task has already completed successfully and cannot be cancelled',
      );
    case 'failed':
      throw new TaskRefusal(
        'task/already-failed',
        'Task has already failed and cannot be cancelled; it can be retried or resumed',
      );
    case 'cleaned':
      if (state.status === 'REVOKED') return undefined;
      throw cleanedUp(state);
    case 'ready':
    case 'scheduled':
    case 'held':
    case 'running':
    case 'paused':
      return {
        kind: 'cancelled',
        data: {
          reason: 'cancelled',
          previous: statusOf(state),
          ...(command.message !== undefined && { message: command.message }),
          ...(command.operation !== undefined && { operation: command.operation }),
          ...delayOf(state),
        },
      };
  }
}

/** Ends a waiting task whose time to start has passed; one that has started may finish. */
function expire(state: ExistingTask, context: Context): TaskEvent | undefined {
  const waits = state.phase === 'ready' || state.phase === 'scheduled' || state.phase === 'held';
  return waits && hasExpired(state, context) ? expired(state) : undefined;
}

function pause(command: CommandOf<'pause'>, state: ExistingTask): TaskEvent | undefined {
  if (command.token !== undefined) ownRun(state, command.token);
  switch (state.phase) {
    case 'paused':
      return undefined;
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'cleaned':
      throw new TaskRefusal(
        'task/already-ended',
        `The task is ${statusOf(state)}; there is nothing to pause. ${insteadOf(state)}`,
      );
    case 'scheduled':
      return { kind: 'paused', data: { ...cardOf(state), reason: command.reason, ...delayOf(state) } };
    case 'ready':
    case 'held':
      return { kind: 'paused', data: { ...cardOf(state), reason: command.reason } };
    case 'running':
      return {
        kind: 'paused',
        data: {
          ...cardOf(state),
          attempts: { ...state.attempts, lost: 0 },
          reason: command.reason,
          attempt: state.run.attempt,
          ...(command.duration_ms !== undefined && { duration_ms: command.duration_ms }),
        },
      };
  }
}

function resume(state: ExistingTask, context: Context): TaskEvent | undefined {
  switch (state.phase) {
    case 'paused': {
      const lane = laneOf(state.spec.priority);
      if (state.until === undefined || Date.parse(state.until) <= context.now)
        return ready(lane, cardOf(state), 'resumed');
      return { kind: 'scheduled', data: { ...cardOf(state), until: state.until, lane, reason: 'delay' } };
    }
    case 'failed':
      return ready(laneOf(state.spec.priority), redriven(state), 'resumed');
    case 'cleaned':
      throw cleanedUp(state);
    case 'ready':
    case 'scheduled':
    case 'held':
    case 'running':
    case 'succeeded':
    case 'cancelled':
      throw new TaskRefusal(
        'task/not-resumable',
        `The task is ${statusOf(state)}; only PAUSED or FAILURE can be resumed. ${insteadOf(state)}`,
      );
  }
}

function retry(command: CommandOf<'retry'>, state: ExistingTask): TaskEvent {
  if (state.phase === 'cleaned') throw cleanedUp(state);
  if (state.phase !== 'failed')
    throw new TaskRefusal(
      'task/not-retryable',
      `The task is ${statusOf(state)}; only FAILURE can be retried. ${insteadOf(state)}`,
    );
  const lane = laneOf(state.spec.priority);
  if (!command.from_start) return ready(lane, redriven(state), 'redriven');
  return ready(lane, redriven({ ...state, checkpoint: 0, step: 0 }), 'restarted');
}

/** The task's ticket is gone (and its worker dead, if it ran): a new ticket, or the end of a task that was lost too often. */
function repairTicket(command: CommandOf<'repair-ticket'>, state: ExistingTask): TaskEvent {
  // What was found missing at one fact says nothing about the next: a healthy attempt would be fenced off and charged.
  if (state.sequence !== command.seen)
    throw new TaskRefusal('task/not-waiting', `The task moved on since the fact ${command.seen}.`);
  switch (state.phase) {
    case 'ready':
    case 'scheduled':
      return ready(state.lane, cardOf(state), 'repaired');
    case 'running': {
      const attempts = afterLoss(state.run);
      if (attempts.lost >= MAX_LOST) return lostTooOften(state, attempts);
      return ready(state.lane, { ...cardOf(state), attempts }, 'repaired');
    }
    case 'held':
    case 'paused':
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'cleaned':
      throw new TaskRefusal('task/not-waiting', `The task is ${statusOf(state)} and needs no ticket.`);
  }
}

/** The same wait again, with the whole task in its body, so that everything before it may leave the log but its checkpoint and steps. */
function carry({ needs, token }: CommandOf<'carry'>, state: ExistingTask): TaskEvent {
  const carried = {
    carried: state.sequence,
    ...(needs !== undefined && { needs }),
    ...(token !== undefined && { token }),
  };
  switch (state.phase) {
    case 'scheduled': {
      const { input: _input, ...wait } = scheduledAs(state).data;
      return { kind: 'scheduled', data: { ...wait, ...wholeCardOf(state), ...carried } };
    }
    case 'held': {
      const { waiting_for, lane, rank } = state;
      return { kind: 'held', data: { ...wholeCardOf(state), waiting_for, lane, rank, ...carried } };
    }
    case 'paused':
      return {
        kind: 'paused',
        data: {
          ...wholeCardOf(state),
          reason: state.reason,
          ...(state.until !== undefined && { until: state.until }),
          ...carried,
        },
      };
    case 'ready':
    case 'running':
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'cleaned':
      throw new TaskRefusal('task/not-waiting', `The task is ${statusOf(state)}; only waits are carried.`);
  }
}
