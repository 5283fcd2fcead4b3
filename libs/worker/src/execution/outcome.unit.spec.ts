import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import {
  AttemptOvertakenError,
  RetryLater,
  TaskCancelledError,
  TaskPausedError,
  TaskSuspendedError,
  TimeLimitExceeded,
  UnrecoverableError,
  WorkerStoppingError,
} from '../errors.js';
import { HandlerProcessDied } from '../isolation/errors.js';
import { legible } from './legible.js';
import { commandFor, describe as describeError, settlementOf } from './outcome.js';
import { resultOf } from './result.js';
import type { Outcome } from './outcome.js';

const interruptedBy = (by: Error): Outcome => ({ type: 'interrupted', by });
const AFTER_12_MS = { token: 7, durationMs: 12, isLastChance: false };
const completed: Outcome = { type: 'completed', result: null };
const failed = (error: unknown): Outcome => ({ type: 'failed', error });

describe('the outcome of a handler', () => {
  it('succeeds with what was returned', () => {
    const command = commandFor({ type: 'completed', result: { pages: 3 } }, AFTER_12_MS, {});
    expect(command).toEqual({ type: 'succeed', token: 7, result: { pages: 3 }, duration_ms: 12 });
  });

  it('fails, to be tried again, with what was thrown', () => {
    const command = commandFor(failed(new TypeError('no such page')), AFTER_12_MS, {});
    expect(command).toMatchObject({
      type: 'fail',
      retryable: true,
      error: { name: 'TypeError', message: 'no such page' },
    });
  });

  it.each([
    ['an UnrecoverableError', new UnrecoverableError('bad input')],
    [
      'an error of that name from another copy of the library',
      Object.assign(new Error('bad'), { name: 'UnrecoverableError' }),
    ],
  ])('fails for good with %s', (_what, error) => {
    expect(commandFor(failed(error), AFTER_12_MS, {})).toMatchObject({ type: 'fail', retryable: false });
  });

  it('fails when the hard time limit ended it', () => {
    expect(commandFor(interruptedBy(new TimeLimitExceeded('too long')), AFTER_12_MS, {})).toMatchObject({
      type: 'fail',
      retryable: true,
      error: { name: 'TimeLimitExceeded' },
    });
  });

  it('yields when the worker stops', () => {
    expect(commandFor(interruptedBy(new WorkerStoppingError('bye')), AFTER_12_MS, {})).toMatchObject({
      type: 'yield',
      token: 7,
    });
  });

  it('is a loss when it took its process with it at its last chance', () => {
    const died = failed(new HandlerProcessDied(7, { code: 3, signal: null }, []));
    expect(commandFor(died, AFTER_12_MS, {})).not.toHaveProperty('lost');
    expect(commandFor(died, { ...AFTER_12_MS, isLastChance: true }, {})).toMatchObject({ lost: true });
    expect(commandFor(failed(new Error('x')), { ...AFTER_12_MS, isLastChance: true }, {})).not.toHaveProperty(
      'lost',
    );
  });

  it('is put aside when it was paused', () => {
    expect(commandFor(interruptedBy(new TaskPausedError('lunch')), AFTER_12_MS, {})).toEqual({
      type: 'pause',
      token: 7,
      reason: 'lunch',
      duration_ms: 12,
    });
  });

  it('is tried again when the handler says, and not at all when its judge says so', () => {
    expect(commandFor(failed(new RetryLater(90)), AFTER_12_MS, {})).toMatchObject({ delay_ms: 90_000 });
    const retryIf = (error: unknown): boolean => !(error instanceof TypeError);
    expect(commandFor(failed(new TypeError('x')), AFTER_12_MS, { retryIf })).toMatchObject({
      retryable: false,
    });
    expect(commandFor(failed(new Error('x')), AFTER_12_MS, { retryIf })).toMatchObject({ retryable: true });
  });

  it('may be tried again when its judge fails', () => {
    const retryIf = (): boolean => {
      throw new Error('no opinion');
    };
    expect(commandFor(failed(new Error('x')), AFTER_12_MS, { retryIf })).toMatchObject({ retryable: true });
  });

  it.each([new TaskCancelledError('x'), new AttemptOvertakenError('x'), new TaskSuspendedError('x')])(
    'says nothing more after %p',
    (by) => {
      expect(commandFor(interruptedBy(by), AFTER_12_MS, {})).toBeUndefined();
    },
  );

  it.each([
    ['ack', completed],
    ['ack', failed(new Error('x'))],
    ['ack', interruptedBy(new TaskCancelledError('x'))],
    ['ack', interruptedBy(new TimeLimitExceeded('x'))],
    ['ack', interruptedBy(new TaskPausedError('x'))],
    ['ack', interruptedBy(new TaskSuspendedError('x'))],
    ['nak', interruptedBy(new WorkerStoppingError('x'))],
    ['leave', interruptedBy(new AttemptOvertakenError('x'))],
  ])('%ss the ticket of %j', (settlement, outcome) => {
    expect(settlementOf(outcome)).toBe(settlement);
  });
});

describe('a result', () => {
  it.each([
    [undefined, null],
    [{ at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    [{ skipped: undefined, kept: 1 }, { kept: 1 }],
    [NaN, null],
    ['text', 'text'],
  ])('%p is kept as the JSON %j', (value, json) => {
    expect(resultOf(value)).toEqual(json);
  });

  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;

  it.each([
    ['a cycle', cyclic],
    ['a BigInt', { big: 1n }],
    ['a function', () => 1],
    ['more than 512 KiB', 'x'.repeat(512 * 1024)],
    ['more than 512 KiB in UTF-8', 'é'.repeat(300 * 1024)],
  ])('with %s is refused for good', (_what, value) => {
    expect(() => resultOf(value)).toThrow(UnrecoverableError);
  });
});

describe('an error in the log', () => {
  it('may come from another realm, as those of tests and node:vm do', () => {
    const foreign: unknown = runInNewContext('new TypeError("far away")');
    expect(foreign instanceof Error).toBe(false);
    expect(describeError(foreign)).toMatchObject({ name: 'TypeError', message: 'far away' });
  });

  it.each(['text', { code: 4 }, undefined, 12n, Symbol('s')])('says what a handler threw: %p', (thrown) => {
    expect(describeError(thrown)).toMatchObject({
      name: 'Error',
      message: expect.stringContaining('threw') as unknown,
    });
  });

  it('is cut to 16 KiB', () => {
    expect(describeError(new Error('x'.repeat(100_000))).message.length).toBeLessThanOrEqual(16 * 1024 + 1);
  });

  it('is the same error, unless its parts are no texts', () => {
    const healthy = new TypeError('no such page');
    expect(legible(healthy)).toBe(healthy);
    const odd = Object.assign(new UnrecoverableError(), { message: { code: 7 } });
    expect(describeError(legible(odd))).toMatchObject({ name: 'UnrecoverableError', message: '{"code":7}' });
  });
});
