import { z } from 'zod';
import { DEFAULT_RETRY_POLICY, NAME_PATTERN } from '@millrace/domain';
import type { Json } from '@millrace/domain';
import type { HandlerRecord } from '@millrace/log';
import { UnrecoverableError } from '../errors.js';
import { requiredLabels } from './labels.js';
import type { TaskContext } from '../task-context.js';
import type { TaskHandlerOptions } from './task-handler.decorator.js';

const DEFAULT_QUEUE = 'default';

/** A handler, ready to run: what its decorator says and how to call it through Nest's guards, pipes, interceptors and filters. */
export interface Handler {
  readonly name: string;
  readonly queue: string;
  readonly options: TaskHandlerOptions;
  readonly invoke: (context: TaskContext) => Promise<unknown>;
}

/** @throws Error when a name cannot become a subject token */
export function createHandler(options: TaskHandlerOptions, invoke: Handler['invoke']): Handler {
  const queue = options.queue ?? DEFAULT_QUEUE;
  for (const [what, name] of [
    ['task', options.name],
    ['queue', queue],
  ] as const)
    if (!NAME_PATTERN.test(name))
      throw new Error(`The ${what} name "${name}" must be 1 to 64 of the characters a-z, 0-9, _ and -.`);
  return { name: options.name, queue, options, invoke };
}

/** Whether it asks for a process of its own. */
export const isIsolated = ({ options }: Handler): boolean => options.isolation === 'process';

/**
 * The parameters as the handler's schema reads them.
 *
 * @throws UnrecoverableError when they do not fit: no other attempt would go better
 */
export function parametersFor(handler: Handler, parameters: Json): unknown {
  const { params } = handler.options;
  if (!params) return parameters;
  const result = params.safeParse(parameters);
  if (result.success) return result.data;
  throw new UnrecoverableError(`The parameters do not fit ${handler.name}: ${z.prettifyError(result.error)}`);
}

/** Limits of handlers that set none. */
export interface DefaultLimits {
  softTimeLimit?: number;
  timeLimit?: number;
}

/** What the gateway needs to know of a handler. */
export function recordOf(handler: Handler, defaults: DefaultLimits = {}): HandlerRecord {
  const { name, queue, options } = handler;
  const softTimeLimit = options.softTimeLimit ?? defaults.softTimeLimit;
  const timeLimit = options.timeLimit ?? defaults.timeLimit;
  return {
    name,
    queue,
    ...(options.description !== undefined && { description: options.description }),
    // What the schema cannot say as JSON Schema (a transformation, a check in code) is judged by the handler itself.
    ...(options.params && {
      parameters: z.toJSONSchema(options.params, { io: 'input', unrepresentable: 'any' }),
    }),
    ...(options.retry && { retry: { ...DEFAULT_RETRY_POLICY, ...options.retry } }),
    ...(options.priority !== undefined && { priority: options.priority }),
    ...(softTimeLimit !== undefined && { soft_time_limit: softTimeLimit }),
    ...(timeLimit !== undefined && { time_limit: timeLimit }),
    ...(options.requires && { requires: requiredLabels(options) }),
  };
}
