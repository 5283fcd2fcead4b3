import { mayRetry, retryDelayMs } from '../retry-policy.js';
import type { Command, Context } from './commands.js';
import { INLINE_PARAMETERS_BYTES, MAX_LOST } from './facts.js';
import type { Attempts, ReadyReason, Run, TaskCard, TaskEvent } from './facts.js';
import { laneOf } from './kinds.js';
import type { Lane } from './kinds.js';
import { TaskRefusal } from './refusals.js';
import { statusOf } from './state.js';
import type { ExistingTask, KnownTask, RunningTask, TaskState } from './state.js';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

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
      return { kind: 'checkpoint', data: { run, state: command.state, steps: command.steps ?? [] } };
    }
    case 'record-step':
      return recordStep(command, state);
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
      return resume(state);
    case 'retry':
      return retry(command, state);
    case 'change-priority':
      return changePriority(command, state);
    case 'move-to-front':
      if (state.phase !== 'ready') throw notWaiting(state);
      return ready('front', cardOf(state), 'reordered');
    case 'repair-ticket':
      return repairTicket(state);
    case 'carry':
      return carry(state);
  }
}

function submit(command: CommandOf<'submit'>, state: TaskState): TaskEvent {
  if (state.phase !== 'none')
    throw new TaskRefusal('task/already-exists', `A task with the id ${state.id} was submitted before.`);
  const card: TaskCard = {
    task: command.spec,
    attempts: { begun: 0, failed: 0, lost: 0 },
    parameters: command.parameters,
  };
  const lane = laneOf(command.spec.priority);
  if (command.not_before === undefined) return ready(lane, card, 'submitted');
  return { kind: 'scheduled', data: { ...card, until: command.not_before, lane, reason: 'delay' } };
}

/** A ticket is valid for one fact: a ready fact for itself, a fired timer for the wait it names (`after`). */
function claim(command: CommandOf<'claim'>, state: ExistingTask, context: Context): TaskEvent {
  const mine =
    (state.phase === 'ready' && state.ticket === command.ticket) ||
    (state.phase === 'scheduled' && state.sequence === command.after);
  if (!mine)
    throw new TaskRefusal(
      'task/not-claimable',
      `The task is ${statusOf(state)} and not ready by this ticket.`,
    );
  if (hasExpired(state, context)) return expired(state);
  const { begun, failed, lost } = state.attempts;
  return started(state, command, { begun: begun + 1, failed, lost });
}

/** The caller has made sure that the attempt's worker is dead. */
function takeOver(command: CommandOf<'take-over'>, state: ExistingTask): TaskEvent {
  if (state.phase !== 'running' || state.run.ticket !== command.ticket)
    throw new TaskRefusal(
      'task/not-claimable',
      `The task is ${statusOf(state)} and no attempt of this ticket runs.`,
    );
  const attempts = afterLoss(state.run);
  if (attempts.lost >= MAX_LOST) return lostTooOften(state, attempts);
  return started(state, command, { ...attempts, begun: attempts.begun + 1 });
}

function recordStep(command: CommandOf<'record-step'>, state: ExistingTask): TaskEvent {
  const run = { ...ownRun(state, command.token), lost: 0 };
  return {
    kind: 'step',
    data: {
      run,
      name: command.name,
      ...(command.result !== undefined && { result: command.result }),
      ...(command.signal !== undefined && { signal: command.signal }),
    },
  };
}

function succeed(command: CommandOf<'succeed'>, state: ExistingTask): TaskEvent {
  const { attempt, worker } = ownRun(state, command.token);
  return {
    kind: 'succeeded',
    data: { attempt, worker, result: command.result, duration_ms: command.duration_ms },
  };
}

function fail(command: CommandOf<'fail'>, state: ExistingTask, context: Context): TaskEvent {
  const run = ownRun(state, command.token);
  const attempts = { begun: run.attempt, failed: run.failed + 1, lost: 0 };
  const { retry } = state.spec;
  const { error, duration_ms } = command;
  if (!command.retryable || !mayRetry(retry, attempts.failed)) {
    const reason = command.retryable ? 'retries_spent' : 'not_retryable';
    return {
      kind: 'failed',
      data: { attempt: run.attempt, attempts, error, reason, worker: run.worker, duration_ms },
    };
  }
  const delayMs = command.delay_ms ?? retryDelayMs(retry, attempts.failed, context.random);
  return {
    kind: 'scheduled',
    data: {
      ...cardOf(state),
      attempts,
      until: new Date(context.now + delayMs).toISOString(),
      lane: laneOf(state.spec.priority),
      reason: 'retry',
      attempt: run.attempt,
      error,
      duration_ms,
    },
  };
}

function cancel(command: CommandOf<'cancel'>, state: ExistingTask): TaskEvent | undefined {
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
        },
      };
  }
}

/** Ends a waiting task whose time to start has passed; a running one may finish. */
function expire(state: ExistingTask, context: Context): TaskEvent | undefined {
  const waits = state.phase === 'ready' || state.phase === 'scheduled' || state.phase === 'held';
  return waits && hasExpired(state, context) ? expired(state) : undefined;
}

function pause(command: CommandOf<'pause'>, state: ExistingTask): TaskEvent | undefined {
  switch (state.phase) {
    case 'paused':
      return undefined;
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      throw new TaskRefusal(
        'task/already-ended',
        `The task is ${statusOf(state)}; there is nothing to pause.`,
      );
    case 'ready':
    case 'scheduled':
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

function resume(state: ExistingTask): TaskEvent | undefined {
  switch (state.phase) {
    case 'paused':
      return ready(laneOf(state.spec.priority), cardOf(state), 'resumed');
    case 'failed':
      return ready(laneOf(state.spec.priority), redriven(state), 'resumed');
    case 'ready':
    case 'scheduled':
    case 'held':
    case 'running':
    case 'succeeded':
    case 'cancelled':
      throw new TaskRefusal(
        'task/not-resumable',
        `The task is ${statusOf(state)}; only PAUSED or FAILURE can be resumed.`,
      );
  }
}

function retry(command: CommandOf<'retry'>, state: ExistingTask): TaskEvent {
  if (state.phase !== 'failed')
    throw new TaskRefusal(
      'task/not-retryable',
      `The task is ${statusOf(state)}; only FAILURE can be retried.`,
    );
  const card = redriven(state);
  if (command.from_start) delete card.checkpoint;
  return ready(laneOf(state.spec.priority), card, 'redriven');
}

function changePriority(command: CommandOf<'change-priority'>, state: ExistingTask): TaskEvent | undefined {
  if (state.phase !== 'ready') throw notWaiting(state);
  const lane = laneOf(command.priority);
  if (state.lane === lane) return undefined;
  const card = cardOf(state);
  return ready(lane, { ...card, task: { ...card.task, priority: command.priority } }, 'reprioritised');
}

/** The task's ticket is gone (and its worker dead, if it ran): a new ticket, or the end of a task that was lost too often. */
function repairTicket(state: ExistingTask): TaskEvent {
  switch (state.phase) {
    case 'ready':
      return ready(state.lane, cardOf(state), 'repaired');
    case 'scheduled':
      return ready(state.lane, cardOf(state), 'repaired');
    case 'running': {
      const attempts = afterLoss(state.run);
      if (attempts.lost >= MAX_LOST) return lostTooOften(state, attempts);
      return ready(laneOf(state.spec.priority), { ...cardOf(state), attempts }, 'repaired');
    }
    case 'held':
    case 'paused':
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      throw new TaskRefusal('task/not-waiting', `The task is ${statusOf(state)} and needs no ticket.`);
  }
}

/** The same wait again, with the whole task in its body, so that everything before it may leave the log. */
function carry(state: ExistingTask): TaskEvent {
  const card = { ...cardOf(state), ...inlineInput(state) };
  const carried = state.sequence;
  switch (state.phase) {
    case 'scheduled':
      return {
        kind: 'scheduled',
        data: {
          ...card,
          until: state.until,
          lane: state.lane,
          reason: state.reason,
          ...(state.error && { error: state.error }),
          carried,
        },
      };
    case 'held':
      return { kind: 'held', data: { ...card, waiting_for: state.waiting_for, carried } };
    case 'paused':
      return { kind: 'paused', data: { ...card, reason: state.reason, carried } };
    case 'ready':
    case 'running':
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      throw new TaskRefusal('task/not-waiting', `The task is ${statusOf(state)}; only waits are carried.`);
  }
}

const ready = (lane: Lane, card: TaskCard, reason: ReadyReason): TaskEvent => ({
  kind: lane,
  data: { ...card, reason },
});

function started(
  state: KnownTask,
  command: { worker: string; ticket: number },
  attempts: Attempts,
): TaskEvent {
  return {
    kind: 'started',
    data: {
      attempt: attempts.begun,
      worker: command.worker,
      ticket: command.ticket,
      failed: attempts.failed,
      lost: attempts.lost,
      ...(state.checkpoint > 0 && { checkpoint: state.checkpoint }),
    },
  };
}

const afterLoss = (run: Run): Attempts => ({ begun: run.attempt, failed: run.failed, lost: run.lost + 1 });

/** Poison: attempt after attempt took its worker with it, and none came any further. */
function lostTooOften(state: RunningTask, attempts: Attempts): TaskEvent {
  return {
    kind: 'failed',
    data: {
      attempt: state.run.attempt,
      attempts,
      error: {
        name: 'WorkerLost',
        message: `${attempts.lost} attempts in a row were lost with their worker; the last one ran on ${state.run.worker}.`,
      },
      reason: 'worker_lost',
      worker: state.run.worker,
    },
  };
}

function ownRun(state: ExistingTask, token: number): Run {
  if (state.phase === 'running' && state.run.token === token) return state.run;
  throw new TaskRefusal(
    'task/attempt-overtaken',
    `The task is ${statusOf(state)}; the attempt ${token} no longer holds it.`,
  );
}

const hasExpired = (state: KnownTask, context: Context): boolean =>
  state.spec.expires_at !== undefined && Date.parse(state.spec.expires_at) <= context.now;

const expired = (state: ExistingTask): TaskEvent => ({
  kind: 'cancelled',
  data: { reason: 'expired', previous: statusOf(state) },
});

/** Attempts are counted anew, their numbers go on: every attempt of a task has a number of its own. */
const redriven = (state: KnownTask): TaskCard => ({
  ...cardOf(state),
  attempts: { begun: state.attempts.begun, failed: 0, lost: 0 },
});

/** The card of the task as it stands. Long parameters are named, not copied. */
function cardOf(state: KnownTask): TaskCard {
  return {
    task: state.spec,
    attempts: state.attempts,
    ...(isInline(state) ? inlineInput(state) : { input: state.input }),
    ...(state.checkpoint > 0 && { checkpoint: state.checkpoint }),
  };
}

const isInline = (state: KnownTask): boolean =>
  state.parameters !== undefined && JSON.stringify(state.parameters).length <= INLINE_PARAMETERS_BYTES;

/** Without the parameters at hand the name of their fact must do. */
const inlineInput = (state: KnownTask): Pick<TaskCard, 'parameters' | 'input'> =>
  state.parameters === undefined ? { input: state.input } : { parameters: state.parameters };

const notWaiting = (state: ExistingTask): TaskRefusal =>
  new TaskRefusal(
    'task/not-waiting',
    `The task is ${statusOf(state)}; only a task that waits in a lane can be moved.`,
  );
