import type { Command, Json, TaskError } from '@millrace/domain';
import { HandlerProcessDied, MemoryLimitExceeded } from '../isolation/errors.js';
import type { Attempt } from './attempt.js';
import type { TaskHandlerOptions } from '../handlers/task-handler.decorator.js';
import type { RetryLater } from '../errors.js';
import { textOf } from './legible.js';
import {
  AttemptOvertakenError,
  TaskCancelledError,
  TaskPausedError,
  TaskSuspendedError,
  UnrecoverableError,
  WorkerStoppingError,
} from '../errors.js';

/** How the run of a handler ended: a closed set, from which the fact to record follows. */
export type Outcome =
  | { type: 'completed'; result: Json }
  | { type: 'failed'; error: unknown }
  /** The attempt must stop for the reason given, whatever its handler does. */
  | { type: 'interrupted'; by: Error };

/** An error is cut to so many characters. */
const ERROR_LENGTH = 16 * 1024;

/** What the handler says of errors: see {@link TaskHandlerOptions}. */
type ErrorJudge = Pick<TaskHandlerOptions, 'retryIf'>;

/** The attempt that ended. */
type Ended = Pick<Attempt, 'token' | 'durationMs' | 'isLastChance'>;

/** The command that records an outcome; undefined when there is nothing left to say. */
export function commandFor(
  outcome: Outcome,
  { token, durationMs: duration_ms, isLastChance }: Ended,
  judge: ErrorJudge,
): Command | undefined {
  if (outcome.type === 'completed') return { type: 'succeed', token, result: outcome.result, duration_ms };
  const error = outcome.type === 'failed' ? outcome.error : outcome.by;
  if (outcome.type === 'interrupted') {
    if (error instanceof WorkerStoppingError) return { type: 'yield', token, reason: 'the worker stops' };
    if (error instanceof TaskPausedError) return { type: 'pause', token, reason: error.message, duration_ms };
    // Recorded by whoever asked for it.
    if (RECORDED.some((known) => error instanceof known)) return undefined;
  }
  const delayMs = delayIn(error);
  return {
    type: 'fail',
    token,
    error: describe(error),
    retryable: isRetryable(error, judge),
    duration_ms,
    ...(delayMs !== undefined && { delay_ms: delayMs }),
    ...(isLastChance && tookItsProcess(error) && { lost: true }),
  };
}

const tookItsProcess = (error: unknown): boolean =>
  error instanceof HandlerProcessDied || error instanceof MemoryLimitExceeded;

const RECORDED = [TaskCancelledError, AttemptOvertakenError, TaskSuspendedError];

/** A judge that throws has judged nothing. */
function isRetryable(error: unknown, { retryIf }: ErrorJudge): boolean {
  if (isUnrecoverable(error)) return false;
  try {
    return retryIf?.(error) ?? true;
  } catch {
    return true;
  }
}

/** Also an error of the user's own with this name counts, as when two copies of the library are loaded. */
function delayIn(error: unknown): number | undefined {
  if (!isError(error) || error.name !== 'RetryLater') return undefined;
  const { seconds } = error as Partial<RetryLater>;
  return typeof seconds === 'number' && seconds >= 0 ? seconds * 1000 : undefined;
}

/** What happens to the ticket once the outcome is in the log. */
export function settlementOf(outcome: Outcome): 'ack' | 'nak' | 'leave' {
  if (outcome.type !== 'interrupted') return 'ack';
  // The successor gets it at once, not after a lease.
  if (outcome.by instanceof WorkerStoppingError) return 'nak';
  return outcome.by instanceof AttemptOvertakenError ? 'leave' : 'ack';
}

/** Also an error class of the user's own with this name counts, as when two copies of the library are loaded. */
const isUnrecoverable = (error: unknown): boolean =>
  error instanceof UnrecoverableError || (isError(error) && error.name === 'UnrecoverableError');

/** By what it has: an error of another realm, as tests run in and `node:vm` makes, is no instance of the Error of this one. */
export function isError(thrown: unknown): thrown is Error {
  if (thrown instanceof Error) return true;
  if (typeof thrown !== 'object' || thrown === null) return false;
  const { name, message, stack } = thrown as Partial<Error>;
  return (
    typeof name === 'string' &&
    typeof message === 'string' &&
    (stack === undefined || typeof stack === 'string')
  );
}

/** Whatever was thrown, as the log keeps it. */
export function describe(thrown: unknown): TaskError {
  if (!isError(thrown)) return { name: 'Error', message: cut(`A handler threw ${textOf(thrown)}.`) };
  return {
    name: cut(thrown.name),
    message: cut(thrown.message),
    ...(thrown.stack !== undefined && { stack: cut(thrown.stack) }),
  };
}

const cut = (text: string): string => (text.length > ERROR_LENGTH ? `${text.slice(0, ERROR_LENGTH)}…` : text);
