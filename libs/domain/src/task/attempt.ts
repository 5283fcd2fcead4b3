import { mayRetry, policyFor, retryDelayMs } from '../retry-policy.js';
import { cardOf, held } from './card.js';
import type { CommandOf, Context } from './commands.js';
import { MAX_LOST } from './facts.js';
import type { Attempts, Run, TaskEvent } from './facts.js';
import { laneOf } from './kinds.js';
import { TaskRefusal } from './refusals.js';
import { statusOf } from './state.js';
import type { ExistingTask, KnownTask, RunningTask } from './state.js';

/** A ticket is valid for one fact: a ready fact for itself, a fired timer for the wait it names (`after`). */
export function claim(command: CommandOf<'claim'>, state: ExistingTask, context: Context): TaskEvent {
  const mine =
    (state.phase === 'ready' && state.ticket === command.ticket) ||
    (state.phase === 'scheduled' && state.sequence === command.after);
  if (!mine)
    throw new TaskRefusal(
      'task/not-claimable',
      `The task is ${statusOf(state)} and not ready by this ticket.`,
    );
  if (hasExpired(state, context)) return expired(state);
  if (command.limited && !slotOf(state).slot) return held(cardOf(state), state.lane);
  const { begun, failed, lost } = state.attempts;
  return started(state, command, { begun: begun + 1, failed, lost });
}

/**
 * The caller has made sure that the worker of the attempt in the fact `seen` is dead. That holds for no later fact: another worker may have
 * taken over in between, so whoever lost the race asks anew instead of deciding again.
 */
export function takeOver(command: CommandOf<'take-over'>, state: ExistingTask): TaskEvent {
  if (state.phase !== 'running' || state.run.ticket !== command.ticket)
    throw new TaskRefusal(
      'task/not-claimable',
      `The task is ${statusOf(state)} and no attempt of this ticket runs.`,
    );
  if (state.sequence !== command.seen || state.run.worker === command.worker)
    throw new TaskRefusal(
      'task/not-claimable',
      `The attempt ${state.run.attempt} on ${state.run.worker} is alive as far as is known.`,
    );
  const attempts = afterLoss(state.run);
  if (attempts.lost >= MAX_LOST) return lostTooOften(state, attempts);
  return started(state, command, { ...attempts, begun: attempts.begun + 1 });
}

export function recordStep(command: CommandOf<'record-step'>, state: ExistingTask): TaskEvent {
  const run = { ...ownRun(state, command.token), lost: 0 };
  return {
    kind: 'step',
    data: {
      run,
      ...command.step,
    },
  };
}

/** The attempt frees its slot. What comes next starts from its checkpoint and steps, so the wait is nobody's fault. */
export function suspend(command: CommandOf<'suspend'>, state: ExistingTask): TaskEvent {
  const run = ownRun(state, command.token);
  const { until, waiting_for, duration_ms } = command;
  const card = { ...cardOf(state), attempts: { begun: run.attempt, failed: run.failed, lost: 0 } };
  const ended = { attempt: run.attempt, duration_ms };
  if (until === undefined)
    return { kind: 'held', data: { ...card, waiting_for: waiting_for ?? 'release', ...ended } };
  return {
    kind: 'scheduled',
    data: {
      ...card,
      until,
      lane: laneOf(state.spec.priority),
      reason: waiting_for === undefined ? 'sleep' : 'signal',
      ...(waiting_for !== undefined && { waiting_for }),
      ...ended,
    },
  };
}

export function succeed(command: CommandOf<'succeed'>, state: ExistingTask): TaskEvent {
  const { attempt, worker } = ownRun(state, command.token);
  return {
    kind: 'succeeded',
    data: { attempt, worker, result: command.result, duration_ms: command.duration_ms },
  };
}

export function fail(command: CommandOf<'fail'>, state: ExistingTask, context: Context): TaskEvent {
  const run = ownRun(state, command.token);
  const lost = command.lost ? afterLoss(run) : undefined;
  if (lost && lost.lost >= MAX_LOST) return lostForGood(run, lost, command);
  const counts = command.delay_ms === undefined;
  const attempts = { begun: run.attempt, failed: run.failed + (counts ? 1 : 0), lost: 0 };
  const { error, duration_ms } = command;
  const retry = policyFor(state.spec.retry, error.name);
  if (!command.retryable || (counts && !mayRetry(retry, attempts.failed))) {
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

/** Poison, with the evidence: even alone in a process of its own it took that with it. */
const lostForGood = (run: Run, attempts: Attempts, { error, duration_ms }: CommandOf<'fail'>): TaskEvent => ({
  kind: 'failed',
  data: { attempt: run.attempt, attempts, error, reason: 'worker_lost', worker: run.worker, duration_ms },
});

function started(
  state: ExistingTask,
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
      ...(state.step > 0 && { step: state.step }),
      ...slotOf(state),
    },
  };
}

/** The slot that the task fills, for the next attempt to fill it on. */
function slotOf(state: ExistingTask): { slot?: true } {
  const slot = state.phase === 'ready' ? state.slot : state.phase === 'running' ? state.run.slot : undefined;
  return slot ? { slot } : {};
}

export const afterLoss = (run: Run): Attempts => ({
  begun: run.attempt,
  failed: run.failed,
  lost: run.lost + 1,
});

/** Poison: attempt after attempt took its worker with it, and none came any further. */
export function lostTooOften(state: RunningTask, attempts: Attempts): TaskEvent {
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

export function ownRun(state: ExistingTask, token: number): Run {
  if (state.phase === 'running' && state.run.token === token) return state.run;
  throw new TaskRefusal(
    'task/attempt-overtaken',
    `The task is ${statusOf(state)}; the attempt ${token} no longer holds it.`,
  );
}

/** Only what never started expires: else a drain after that time would throw away the work of a healthy task. */
export const hasExpired = (state: KnownTask, context: Context): boolean =>
  state.attempts.begun === 0 &&
  state.spec.expires_at !== undefined &&
  Date.parse(state.spec.expires_at) <= context.now;

export const expired = (state: ExistingTask): TaskEvent => ({
  kind: 'cancelled',
  data: { reason: 'expired', previous: statusOf(state) },
});
