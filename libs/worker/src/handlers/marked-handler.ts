import { Reflector } from '@nestjs/core';
import type { TaskContext } from '../task-context.js';
import { createHandler } from './handler.js';
import type { Handler } from './handler.js';
import { TASK_HANDLER } from './task-handler.decorator.js';
import type { TaskHandlerOptions } from './task-handler.decorator.js';

const reflector = new Reflector();

/**
 * A method that `@TaskHandler` marks, by itself: without Nest's guards, pipes, interceptors and filters.
 *
 * @throws Error when it is not marked
 */
export function markedHandler(instance: object, method: string): Handler {
  const callback = (instance as Record<string, unknown>)[method];
  const options =
    typeof callback === 'function'
      ? reflector.get<TaskHandlerOptions | undefined>(TASK_HANDLER, callback)
      : undefined;
  if (!options) throw new Error(`@TaskHandler does not mark ${instance.constructor.name}.${method}.`);
  const run = callback as (context: TaskContext) => unknown;
  return createHandler(options, async (context) => run.call(instance, context));
}
