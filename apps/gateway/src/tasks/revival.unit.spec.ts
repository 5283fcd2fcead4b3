import { describe, expect, it } from '@jest/globals';
import { NO_TASK, decide, evolve, fold } from '@millrace/domain';
import type { Command, ExistingTask, Fact, Json, TaskEvent, TaskState } from '@millrace/domain';
import { orderOf } from './task-order.js';
import { DEFAULT_RECORD, KnownQueue } from '../queues/known-queue.js';
import { revived } from './revival.js';

const CONTEXT = { now: 0, random: 0 };

const factOf = (event: TaskEvent, sequence: number): Fact => ({
  ...event,
  queue: 'q',
  task_id: 't',
  sequence,
  id: 'e',
  prev: sequence - 1,
  at: '2026-01-01T00:00:00.000Z',
  actor: 'a',
});

const after = (state: TaskState, command: Command, sequence: number): TaskState => {
  const event = decide(command, state, CONTEXT);
  if (!event) throw new Error('Nothing happened.');
  return evolve(state, factOf(event, sequence));
};

const queue = new KnownQueue(DEFAULT_RECORD);

const failed = (parameters: Json): ExistingTask => {
  const { event } = orderOf({ task_name: 'work', parameters }, undefined, queue, {
    now: 0,
    correlationId: 'c',
  });
  let state = fold([factOf(event, 1)], NO_TASK);
  state = after(state, { type: 'claim', worker: 'w', ticket: 1 }, 2);
  state = after(state, { type: 'save-checkpoint', token: 2, state: 'half' }, 3);
  const error = { name: 'Error', message: 'broken' };
  state = after(state, { type: 'fail', token: 2, error, retryable: false, duration_ms: 1 }, 4);
  if (state.phase === 'none') throw new Error('No task.');
  return state;
};

describe('a task that returns to the log', () => {
  it('carries its parameters, and names its checkpoint', () => {
    const parameters = { text: 'x'.repeat(20_000) };
    const state = failed(parameters);
    const event = decide({ type: 'retry' }, state, CONTEXT);
    expect(event?.data).toMatchObject({ input: 1, checkpoint: 3 });
    const again = fold([factOf(revived(event!, state), 9)], NO_TASK);
    expect(again).toMatchObject({
      phase: 'ready',
      parameters,
      input: 9,
      checkpoint: 3,
      step: 0,
      attempts: { begun: 1, failed: 0 },
    });
  });

  it('must have its parameters', () => {
    const { parameters: _parameters, ...state } = failed({});
    const event = decide({ type: 'retry' }, state, CONTEXT);
    expect(() => revived(event!, state)).toThrow('were not kept');
  });
});
