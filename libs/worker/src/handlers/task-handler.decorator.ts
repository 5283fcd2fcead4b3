import { SetMetadata } from '@nestjs/common';
import type { RetryPolicy } from '@millrace/domain';
import type { z } from 'zod';
import type { TaskContext } from '../task-context.js';

/** What a handler can run, and how its tasks behave unless the submitter says otherwise. */
export interface TaskHandlerOptions<Schema extends z.ZodType = z.ZodType> {
  /** Name of the task: `[a-z0-9_-]`, 1 to 64. */
  name: string;
  /** Queue of its tasks when the submitter names none. Defaults to `default`. */
  queue?: string;
  /** Schema of the parameters. The gateway refuses what it does not allow. Defaults to any JSON value. */
  params?: Schema;
  /** Shown in the list of handlers. */
  description?: string;
  /** 0 to 10; 10 runs first. Defaults to 5. */
  priority?: number;
  /** Defaults to 3 retries after 60, 120 and 240 s with jitter. */
  retry?: Partial<RetryPolicy>;
  /**
   * Whether an error is worth another attempt; false makes it final. Asked after `UnrecoverableError` and before the retry policy, whose
   * `by_error` says how often and when for each class of error by name. Defaults to yes.
   */
  retryIf?: (error: unknown) => boolean;
  /**
   * `process` runs it in a warm child process, alone there: for what computes, may run out of memory or must be killed at its time limit.
   * `inline` runs it in the worker beside others, for what mostly waits. Defaults to `inline`.
   */
  isolation?: 'inline' | 'process';
  /** Seconds after which the attempt's signal aborts with `SoftTimeLimitExceeded`. Defaults to 1800. */
  softTimeLimit?: number;
  /** Seconds after which the attempt is ended; if it is isolated, by SIGKILL. Defaults to 2400. */
  timeLimit?: number;
  /**
   * Labels that a worker must have, such as `{ gpu: true }`; others leave the tasks alone. Give such a handler a queue of its own: its
   * tickets would go round among workers that cannot run them. Defaults to none.
   */
  requires?: Readonly<Record<string, string | number | boolean>>;
}

type HandlerMethod<Schema extends z.ZodType> = (context: TaskContext<z.output<Schema>>) => unknown;

export const TASK_HANDLER = Symbol('millrace:task-handler');

/**
 * Marks a method of a provider as the handler of a task. It is called with a {@link TaskContext}; what it returns, as JSON, is the
 * result of the task; what it throws fails the attempt. Pipes, guards, interceptors and filters of Nest apply to it.
 */
export const TaskHandler =
  <Schema extends z.ZodType>(options: TaskHandlerOptions<Schema>) =>
  <Method extends HandlerMethod<Schema>>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<Method>,
  ): void => {
    SetMetadata(TASK_HANDLER, options)(target, key, descriptor as PropertyDescriptor);
  };
