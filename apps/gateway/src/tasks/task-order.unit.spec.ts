import { describe, expect, it } from '@jest/globals';
import { KnownHandler } from '../handlers/known-handler.js';
import { ProblemError } from '../http/problem.js';
import { DEFAULT_RECORD, KnownQueue } from '../queues/known-queue.js';
import type { SubmitTask } from './submit-task.schema.js';
import { orderOf } from './task-order.js';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const handler = new KnownHandler(
  {
    name: 'work',
    queue: 'works',
    priority: 7,
    retry: { max_retries: 1 },
    soft_time_limit: 10,
    time_limit: 20,
  },
  () => undefined,
);

const aQueue = (name: string): KnownQueue => new KnownQueue({ name, defined_by: 'test' });

const order = (body: Partial<SubmitTask> = {}, known: KnownHandler | undefined = handler) =>
  orderOf({ task_name: 'work', ...body }, known, aQueue(body.queue ?? 'works'), {
    now: NOW,
    correlationId: 'c-1',
  });

const refusal = (body: Partial<SubmitTask>): string => {
  try {
    order(body);
  } catch (error) {
    if (error instanceof ProblemError) return error.message;
  }
  throw new Error('Not refused.');
};

describe('an order', () => {
  it('is complete without a word more than the name', () => {
    const { ref, event, spec, uniqueId, mayExist } = order();
    expect(ref.queue).toBe('works');
    expect(spec).toEqual({
      name: 'work',
      priority: 7,
      retry: { max_retries: 1, delay_seconds: 60, backoff_factor: 2, max_delay_seconds: 600, jitter: true },
      soft_time_limit: 10,
      time_limit: 20,
      submitted_at: '2026-03-01T12:00:00.000Z',
      correlation_id: 'c-1',
    });
    expect(event).toMatchObject({ kind: 'p7', data: { task: spec, parameters: {}, reason: 'submitted' } });
    expect({ uniqueId, mayExist }).toEqual({ uniqueId: false, mayExist: false });
  });

  it('of an unknown name has the defaults of its queue, else the general ones', () => {
    const at = { now: NOW, correlationId: 'c' };
    const plain = orderOf({ task_name: 'new' }, undefined, new KnownQueue(DEFAULT_RECORD), at);
    expect(plain.ref.queue).toBe('default');
    expect(plain.spec).toMatchObject({ priority: 5, time_limit: 2400 });
    const settings = { default_priority: 2, retry: { delay_seconds: 5 }, time_limit: 60 };
    const own = new KnownQueue({ name: 'own', defined_by: 'test', settings });
    expect(orderOf({ task_name: 'new' }, undefined, own, at).spec).toMatchObject({
      priority: 2,
      retry: { max_retries: 3, delay_seconds: 5 },
      soft_time_limit: 60,
      time_limit: 60,
    });
  });

  it('follows itself before its handler, and its handler before its queue', () => {
    const settings = { default_priority: 2, retry: { max_retries: 9, delay_seconds: 5 }, time_limit: 90 };
    const own = new KnownQueue({ name: 'own', defined_by: 'test', settings });
    const body = { task_name: 'work', retry: { backoff_factor: 4 } };
    expect(orderOf(body, handler, own, { now: NOW, correlationId: 'c' }).spec).toMatchObject({
      priority: 7,
      retry: { max_retries: 1, delay_seconds: 5, backoff_factor: 4 },
      time_limit: 20,
    });
  });

  it('keeps parameters as they came', () => {
    for (const parameters of [null, 0, '', [], { a: null }])
      expect(order({ parameters }).event.data).toMatchObject({ parameters });
  });

  it('starts later when it is told so, and in UTC', () => {
    expect(order({ delay_seconds: 90 }).event.data).toMatchObject({ until: '2026-03-01T12:01:30.000Z' });
    expect(order({ eta: '2026-03-01T15:00:00+02:00' }).event.data).toMatchObject({
      until: '2026-03-01T13:00:00.000Z',
    });
    expect(order({ delay_seconds: 0 }).event.kind).toBe('p7');
    expect(order({ eta: '2026-03-01T12:00:00Z' }).event.kind).toBe('p7');
  });

  it('merges what it says of classes of errors with what its handler says', () => {
    const careful = new KnownHandler(
      {
        name: 'work',
        queue: 'works',
        retry: { max_retries: 1, by_error: { Busy: { delay_seconds: 5, jitter: false } } },
      },
      () => undefined,
    );
    const by_error = { Busy: { delay_seconds: 300 }, Broken: { max_retries: 0 } };
    expect(order({ retry: { by_error } }, careful).spec.retry).toEqual({
      max_retries: 1,
      delay_seconds: 60,
      backoff_factor: 2,
      max_delay_seconds: 600,
      jitter: true,
      by_error: { Busy: { delay_seconds: 300, jitter: false }, Broken: { max_retries: 0 } },
    });
  });

  it('bends a soft limit that nobody asked for', () => {
    expect(order({ time_limit: 5 }).spec).toMatchObject({ soft_time_limit: 5, time_limit: 5 });
    expect(refusal({ soft_time_limit: 30 })).toMatch(/30 s lies above the time limit of 20 s/);
  });

  it('expires after its start or not at all', () => {
    expect(order({ expires_at: '2026-03-01T14:00:00+01:00' }).spec.expires_at).toBe(
      '2026-03-01T13:00:00.000Z',
    );
    expect(refusal({ expires_at: '2026-03-01T12:00:00Z' })).toMatch(/in the past/);
    expect(refusal({ expires_at: '2026-03-01T12:01:00Z', delay_seconds: 60 })).toMatch(/not after/);
  });

  it('has an id by its key, the same each time, another in each queue', () => {
    const [first, second, elsewhere] = [
      order({ unique_key: 'k' }),
      order({ unique_key: 'k', parameters: 1 }),
      order({ unique_key: 'k', queue: 'other' }),
    ];
    expect(first.ref.task_id).toMatch(/^[0-9a-f]{32}-1$/);
    expect(second.ref.task_id).toBe(first.ref.task_id);
    expect(elsewhere.ref.task_id).not.toBe(first.ref.task_id);
    expect(first).toMatchObject({ uniqueId: false, mayExist: true, spec: { unique_key: 'k' } });
  });

  it('goes by the rule of its key, and says what would replace a task of the key', () => {
    const rule = (unique: SubmitTask['unique']) => order({ unique_key: 'k', unique }).unique?.rule;
    expect(rule({})).toBeUndefined();
    expect(rule({ mode: 'reject', scope: 'forever' })).toBeUndefined();
    expect(rule({ scope: 'until_done' })).toEqual({ until: 'done' });
    expect(rule({ scope: 'window', window_seconds: 5 })).toEqual({ until: 'window', seconds: 5 });
    expect(rule({ mode: 'throttle', window_seconds: 5 })).toEqual({ until: 'window', seconds: 5 });
    expect(rule({ mode: 'replace' })).toEqual({ until: 'start' });

    const debounced = order({
      unique_key: 'k',
      unique: { mode: 'debounce', quiet_seconds: 2 },
      parameters: 1,
    });
    const not_before = '2026-03-01T12:00:02.000Z';
    expect(debounced.event).toMatchObject({ kind: 'scheduled', data: { until: not_before } });
    expect(debounced.unique).toMatchObject({
      rule: { until: 'start' },
      replacement: { type: 'replace', spec: debounced.spec, parameters: 1, not_before },
    });
    expect(refusal({ unique: {} })).toMatch(/send unique_key/);
  });

  it('may have an id of the caller', () => {
    expect(order({ task_id: 'mine' })).toMatchObject({
      ref: { task_id: 'mine' },
      uniqueId: true,
      mayExist: true,
    });
    expect(refusal({ task_id: 'mine', unique_key: 'k' })).toMatch(/give one of them/);
  });
});
