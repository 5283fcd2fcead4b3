import { StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { ProblemError } from './problem.js';
import type { Fault } from './problem.js';

type Issues = readonly z.core.$ZodIssue[];

/** More faults than these are not worth their bytes. */
const FAULTS_AT_MOST = 50;

/** Validates what a route declares a schema for; refuses with every fault at once. */
export class ValidationPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({ exceptionFactory: (issues) => invalidRequest(issues as Issues) });
  }

  /**
   * Nest would delete keys named `constructor` and `prototype` everywhere, parameters of tasks included. Fastify's parser has refused
   * `__proto__` already, and no key of a body is ever copied onto an object of ours.
   */
  protected override stripProtoKeys(): void {
    // On purpose.
  }
}

/** The refusal of a request that does not fit its schema. */
export function invalidRequest(issues: Issues): ProblemError {
  const errors = faultsOf(issues);
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more, see errors)` : '';
  const where = first?.path ? `${first.path}: ` : '';
  return new ProblemError('request/invalid', `${where}${first?.message ?? 'Not valid.'}${more}`, { errors });
}

/** Each unknown field is a fault of its own, at its own path. */
export function faultsOf(issues: Issues): Fault[] {
  return issues
    .flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ path: pathText([...issue.path, key]), message: 'Unknown field.' }))
        : [{ path: pathText(issue.path), message: issue.message }],
    )
    .slice(0, FAULTS_AT_MOST);
}

/** `retry.max_retries`, `tags[3]`. */
export const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
