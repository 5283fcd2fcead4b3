import { describe, expect, it } from '@jest/globals';
import type { HandlerRecord } from '@millrace/log';
import { GENERAL_DEFAULTS } from '../queues/known-queue.js';
import { KnownHandler } from './known-handler.js';

const handler = (record: Partial<HandlerRecord>, onBadSchema: (error: unknown) => void = () => undefined) =>
  new KnownHandler({ name: 'work', queue: 'default', ...record }, onBadSchema);

describe('a handler', () => {
  it('has the defaults of its record, else those of the queue', () => {
    expect(handler({}).defaultsOn(GENERAL_DEFAULTS)).toEqual({
      priority: 5,
      retry: { max_retries: 3, delay_seconds: 60, backoff_factor: 2, max_delay_seconds: 600, jitter: true },
      soft_time_limit: 1800,
      time_limit: 2400,
    });
    expect(
      handler({ priority: 9, retry: { max_retries: 0 }, time_limit: 5 }).defaultsOn(GENERAL_DEFAULTS),
    ).toMatchObject({
      priority: 9,
      retry: { max_retries: 0, delay_seconds: 60 },
      time_limit: 5,
    });
  });

  it('takes anything without a schema', () => {
    expect(handler({}).faultsOf({ any: 'thing' })).toEqual([]);
  });

  it('tells all faults of the parameters, each with its place', () => {
    const parameters = {
      type: 'object',
      properties: { colour: { enum: ['red', 'blue'] }, sizes: { type: 'array', items: { type: 'integer' } } },
      required: ['name'],
      additionalProperties: false,
    };
    const faults = handler({ parameters }).faultsOf({ colour: 'green', sizes: [1, 'two'], 'a/b': 1 });
    expect(faults).toEqual(
      expect.arrayContaining([
        { path: 'parameters', message: "must have required property 'name'" },
        { path: 'parameters.colour', message: 'must be one of ["red","blue"]' },
        { path: 'parameters.sizes[1]', message: 'must be integer' },
        { path: 'parameters.a/b', message: 'Unknown field.' },
      ]),
    );
    expect(faults).toHaveLength(4);
  });

  it('leaves formats and defaults to whoever runs the task', () => {
    const parameters = {
      type: 'object',
      properties: { mail: { type: 'string', format: 'email' }, n: { default: 3 } },
    };
    const given = { mail: 'no mail' };
    expect(handler({ parameters }).faultsOf(given)).toEqual([]);
    expect(given).toEqual({ mail: 'no mail' });
  });

  it('with a schema that is none says so once, and takes anything', () => {
    const told: unknown[] = [];
    const odd = handler({ parameters: { type: 'nonsense' } }, (error) => told.push(error));
    expect(odd.faultsOf({})).toEqual([]);
    expect(odd.faultsOf({})).toEqual([]);
    expect(told).toHaveLength(1);
  });
});
