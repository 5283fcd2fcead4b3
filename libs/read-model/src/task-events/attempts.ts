import type { Json, TaskError } from '@millrace/domain';
import type { TaskEventRow } from './task-event.entity.js';

/** How an attempt ended. */
export type AttemptOutcome =
  'running' | 'succeeded' | 'failed' | 'lost' | 'yielded' | 'suspended' | 'paused' | 'cancelled';

/** One attempt at a task. */
export interface TaskAttempt {
  /** Its number, from 1. */
  attempt: number;
  worker: string;
  started_at: string;
  /** Null while it runs. */
  ended_at: string | null;
  outcome: AttemptOutcome;
  /** What it failed with, if it did. */
  error: TaskError | null;
  /** As the worker measured it; by the times of the facts where no worker could. */
  duration_ms: number | null;
}

/** Facts that neither begin nor end an attempt. */
export const REPORTS: readonly string[] = ['progress', 'checkpoint', 'step'];

/** What is needed of a fact, as the log or the archive has it. */
export type AttemptFact = Pick<TaskEventRow, 'kind' | 'at'> & { data: object };

type Ending = Pick<TaskAttempt, 'outcome' | 'error'> & { duration_ms?: number };

/** The attempts that the facts of one task tell of, in order. */
export function attemptsOf(facts: Iterable<AttemptFact>): TaskAttempt[] {
  const attempts: TaskAttempt[] = [];
  let open: TaskAttempt | undefined;
  for (const fact of facts) {
    const ending = endingOf(fact);
    if (open && ending) end(open, fact, ending);
    if (ending) open = undefined;
    if (fact.kind !== 'started') continue;
    open = begun(fact);
    attempts.push(open);
  }
  return attempts;
}

function begun(fact: AttemptFact): TaskAttempt {
  const { attempt, worker } = fact.data as { attempt: number; worker: string };
  return {
    attempt,
    worker,
    started_at: fact.at,
    ended_at: null,
    outcome: 'running',
    error: null,
    duration_ms: null,
  };
}

function end(attempt: TaskAttempt, fact: AttemptFact, { outcome, error, duration_ms }: Ending): void {
  attempt.ended_at = fact.at;
  attempt.outcome = outcome;
  attempt.error = error;
  attempt.duration_ms = duration_ms ?? Math.max(0, Date.parse(fact.at) - Date.parse(attempt.started_at));
}

/** What the fact means for the attempt that runs; undefined when it goes on. */
function endingOf({ kind, data }: AttemptFact): Ending | undefined {
  const {
    error = null,
    reason,
    duration_ms,
  } = data as {
    error?: TaskError;
    reason?: Json;
    duration_ms?: number;
  };
  const measured = duration_ms === undefined ? {} : { duration_ms };
  switch (kind) {
    case 'succeeded':
      return { outcome: 'succeeded', error: null, ...measured };
    case 'failed':
      return { outcome: reason === 'worker_lost' ? 'lost' : 'failed', error, ...measured };
    case 'scheduled':
      return { outcome: reason === 'retry' ? 'failed' : 'suspended', error, ...measured };
    case 'held':
      return { outcome: 'suspended', error: null, ...measured };
    case 'yielded':
    case 'paused':
    case 'cancelled':
      return { outcome: kind, error: null, ...measured };
    case 'progress':
    case 'checkpoint':
    case 'step':
    case 'cleaned':
      return undefined;
    case 'started':
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
      // Taken over, or repaired: whoever ran it was lost.
      return { outcome: 'lost', error: null };
  }
}
