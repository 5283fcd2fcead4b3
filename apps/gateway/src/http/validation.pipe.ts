import { Injectable } from '@nestjs/common';
import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { ProblemError } from './problem.js';
import type { Fault } from './problem.js';

type Issues = readonly z.core.$ZodIssue[];

/** More faults than these are not worth their bytes. */
const FAULTS_AT_MOST = 50;

/**
 * Validates what a route declares a schema for; refuses with every fault at once.
 *
 * In the place of Nest's own pipe, which does not tell the name of a path parameter, and deletes keys named `constructor` and `prototype`
 * everywhere, parameters of tasks included.
 */
@Injectable()
export class ValidationPipe implements PipeTransform {
  transform(value: unknown, { schema, data }: ArgumentMetadata): unknown {
    if (!schema) return value;
    const result = schema['~standard'].validate(value);
    if (result instanceof Promise) throw new TypeError('A schema of the gateway validates at once.');
    if (result.issues) throw invalidRequest(result.issues as Issues, data);
    return result.value;
  }
}

/**
 * The refusal of a request that does not fit its schema.
 *
 * @param name of the parameter or header it is about; none for a body
 */
export function invalidRequest(issues: Issues, name?: string): ProblemError {
  const errors = faultsOf(issues, name === undefined ? [] : [name]);
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more, see errors)` : '';
  const where = first?.path ? `${first.path}: ` : '';
  return new ProblemError('request/invalid', `${where}${first?.message ?? 'Not valid.'}${more}`, { errors });
}

/** Each unknown field is a fault of its own, at its own path. */
export function faultsOf(issues: Issues, at: readonly string[] = []): Fault[] {
  return issues
    .flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({
            path: pathText([...at, ...issue.path, key]),
            message: 'Unknown field.',
          }))
        : [{ path: pathText([...at, ...issue.path]), message: issue.message }],
    )
    .slice(0, FAULTS_AT_MOST);
}

/** `retry.max_retries`, `tags[3]`. */
export const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
