import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import type { Fact, Lane, Run, TaskCard, TaskEvent } from '@millrace/domain';
import type { TaskLog } from '../task-log.js';
import type { TaskRef } from '../topology.js';

/** A task in which nothing is special. */
export const CARD = {
  task: {
    name: 'render',
    priority: 5,
    retry: DEFAULT_RETRY_POLICY,
    soft_time_limit: 1800,
    time_limit: 2400,
    submitted_at: '2026-01-01T00:00:00.000Z',
  },
  attempts: { begun: 0, failed: 0, lost: 0 },
  parameters: { film: 'a.mov' },
} satisfies TaskCard;

let tasks = 0;

/** A task that no other spec of this file has. */
export const newTask = (queue = 'video'): TaskRef => ({ queue, task_id: `t${++tasks}` });

export const readyIn = (lane: Lane): TaskEvent => ({ kind: lane, data: { ...CARD, reason: 'submitted' } });

export const started = (ticket: number, worker = 'w1', attempt = 1): TaskEvent => ({
  kind: 'started',
  data: { attempt, worker, ticket, failed: 0, lost: 0 },
});

export const runOf = (fact: Fact): Run => ({
  attempt: 1,
  worker: 'w1',
  ticket: 1,
  token: fact.sequence,
  failed: 0,
  lost: 0,
});

export const succeeded = (result = 42): TaskEvent => ({
  kind: 'succeeded',
  data: { attempt: 1, worker: 'w1', result, duration_ms: 5 },
});

export const cancelled = (): TaskEvent => ({
  kind: 'cancelled',
  data: { reason: 'cancelled', previous: 'PENDING' },
});

/** A wait of so many milliseconds from now. */
export const waiting = (delayMs: number, lane: Lane = 'p5'): TaskEvent => ({
  kind: 'scheduled',
  data: { ...CARD, until: new Date(Date.now() + delayMs).toISOString(), lane, reason: 'delay' },
});

export const BY_TEST = { actor: 'test' };

/** Submits a task to a lane. */
export const submit = (log: TaskLog, ref: TaskRef, lane: Lane = 'p5'): Promise<Fact> =>
  log.append(ref, 0, readyIn(lane), BY_TEST);
