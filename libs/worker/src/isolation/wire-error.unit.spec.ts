import { describe, expect, it } from '@jest/globals';
import * as errors from '../errors.js';
import { packError, unpackError } from './wire-error.js';

const crossed = (thrown: unknown): unknown =>
  unpackError(JSON.parse(JSON.stringify(packError(thrown))) as ReturnType<typeof packError>);

describe('an error that has crossed to another process', () => {
  it.each(Object.entries(errors))('is still a %s', (name, Class) => {
    const sent: Error =
      Class === errors.RetryLater ? new Class(5, 'why') : new (Class as ErrorConstructor)('why');
    const error = crossed(sent);
    expect(error).toBeInstanceOf(Class);
    expect(error).toMatchObject({ name, message: 'why' });
  });

  it('keeps what else it carries', () => {
    expect(crossed(new errors.RetryLater(5))).toMatchObject({ seconds: 5 });
    expect(crossed(Object.assign(new Error('no such file'), { code: 'ENOENT' }))).toMatchObject({
      code: 'ENOENT',
    });
  });

  it('belongs to one of our classes also by its name, as when two copies of the library are loaded', () => {
    const copy = Object.assign(new Error('why'), { name: 'UnrecoverableError' });
    expect(crossed(copy)).toBeInstanceOf(errors.UnrecoverableError);
  });

  it('is a plain error with its name when its class is not known', () => {
    const error = crossed(new RangeError('too far')) as Error;
    expect(error.constructor).toBe(Error);
    expect(error.name).toBe('RangeError');
    expect(error.stack).toContain('wire-error.unit.spec');
  });

  it('keeps its causes, so far as they go', () => {
    const circle = new Error('again');
    circle.cause = circle;
    const depth = (error: unknown): number =>
      error instanceof Error && error.cause !== undefined ? 1 + depth(error.cause) : 0;
    expect(depth(crossed(circle))).toBe(8);
    expect(crossed(new Error('why', { cause: 'a text' }))).toMatchObject({ cause: 'a text' });
  });

  it('says so when it cannot be read', () => {
    const unreadable = Object.defineProperty(new Error(), 'message', {
      get: () => {
        throw new Error('gone');
      },
    });
    expect(crossed(unreadable)).toMatchObject({ message: 'A handler threw what cannot be read.' });
  });

  it('is cut when it is very long', () => {
    const { message } = crossed(new Error('x'.repeat(100_000))) as Error;
    expect(message).toHaveLength(65_536);
  });
});
