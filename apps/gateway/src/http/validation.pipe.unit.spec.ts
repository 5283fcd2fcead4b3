import { describe, expect, it } from '@jest/globals';
import type { ArgumentMetadata } from '@nestjs/common';
import { z } from 'zod';
import { ProblemError } from './problem.js';
import { ValidationPipe, faultsOf, pathText } from './validation.pipe.js';

const pipe = new ValidationPipe();
const body = (schema: z.ZodType): ArgumentMetadata => ({ type: 'body', schema });

const refusal = (value: unknown, metadata: ArgumentMetadata): ProblemError => {
  try {
    pipe.transform(value, metadata);
  } catch (error) {
    if (error instanceof ProblemError) return error;
  }
  throw new Error('Not refused.');
};

describe('the validation', () => {
  it('returns what the schema makes of the value', () => {
    expect(pipe.transform({}, body(z.object({ a: z.int().default(3) })))).toEqual({ a: 3 });
  });

  it('leaves alone what has no schema', () => {
    expect(pipe.transform('x', { type: 'custom' })).toBe('x');
  });

  it('keeps keys whose names mean something to the language', () => {
    const value = { parameters: { constructor: 1, prototype: 2 } };
    expect(pipe.transform(value, body(z.object({ parameters: z.unknown() })))).toEqual(value);
  });

  it('tells all faults, the first one in the sentence', () => {
    const schema = z.strictObject({ a: z.int(), b: z.array(z.string()) });
    const { code, message, extra } = refusal({ a: 'x', b: ['y', 1], c: 1, d: 2 }, body(schema));
    expect(code).toBe('request/invalid');
    expect(message).toBe('a: Invalid input: expected number, received string (and 3 more, see errors)');
    expect(extra.errors?.map(({ path }) => path)).toEqual(['a', 'b[1]', 'c', 'd']);
  });

  it('names the path parameter it is about', () => {
    const { message } = refusal('a.b', {
      type: 'param',
      data: 'task_id',
      schema: z.string().regex(/^\w+$/, 'is odd.'),
    });
    expect(message).toBe('task_id: is odd.');
  });
});

describe('faults', () => {
  it('are fifty at most', () => {
    const result = z.array(z.string()).safeParse(Array(80).fill(1));
    expect(faultsOf(result.error?.issues ?? [])).toHaveLength(50);
  });

  it('have paths that read like code', () => {
    expect(pathText(['tasks', 3, 'retry', 'max_retries'])).toBe('tasks[3].retry.max_retries');
    expect(pathText([])).toBe('');
  });
});
