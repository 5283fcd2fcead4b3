import { DEFAULT_RETRY_POLICY, DEFAULT_TIME_LIMITS, PRIORITY, mergeRetry } from '@millrace/domain';
import type { Json, Progress, RetryPolicy, TaskSpec } from '@millrace/domain';
import type { LogLine } from '@millrace/log';
import type { z } from 'zod';
import { createHandler, parametersFor } from '../handlers/handler.js';
import type { Handler } from '../handlers/handler.js';
import { markedHandler } from '../handlers/marked-handler.js';
import type { TaskHandlerOptions } from '../handlers/task-handler.decorator.js';
import type { TaskContext } from '../task-context.js';
import { CrashPlan } from './crash-plan.js';
import { MemoryLog } from './memory-log.js';
import { RunDriver } from './run-driver.js';
import { TestClock } from './test-clock.js';
import { TestRun } from './test-run.js';
import type { Surroundings } from './test-worker.js';

/** What a submission may say beside the parameters. */
export interface SubmitOptions extends Pick<
  Partial<TaskSpec>,
  'tags' | 'user_id' | 'correlation_id' | 'soft_time_limit' | 'time_limit'
> {
  /** Defaults to `task-1`. */
  task_id?: string;
  retry?: Partial<RetryPolicy>;
}

/** A handler on the bench. */
export interface HandlerKit<Parameters> {
  /**
   * Submits a task. Each has a log and a clock of its own, and begins when the test first waits for it.
   *
   * @throws UnrecoverableError when the handler's schema refuses the parameters, as the gateway would
   */
  submit: (parameters: Parameters, options?: SubmitOptions) => TestRun;
}

/**
 * Tests a handler without servers: what runs it, judges it and replays it is the code of the worker, on a log in memory and a clock that the
 * test moves. Guards, pipes, interceptors and filters of Nest are left out.
 *
 * @param options what `@TaskHandler` would be given
 */
export function testHandler<Schema extends z.ZodType = z.ZodType<Json>>(
  options: TaskHandlerOptions<Schema>,
  run: (context: TaskContext<z.output<Schema>>) => unknown,
): HandlerKit<z.input<Schema>>;
/** The same for a method that `@TaskHandler` marks. */
export function testHandler<Instance extends object>(
  instance: Instance,
  method: keyof Instance & string,
): HandlerKit<unknown>;
export function testHandler(
  given: object,
  run: string | ((context: TaskContext<never>) => unknown),
): HandlerKit<unknown> {
  const handler =
    typeof run === 'string'
      ? markedHandler(given, run)
      : createHandler(given as TaskHandlerOptions, async (context) => run(context as TaskContext<never>));
  return { submit: (parameters, options = {}) => submit(handler, parameters, options) };
}

function submit(handler: Handler, given: unknown, options: SubmitOptions): TestRun {
  const parameters = JSON.parse(JSON.stringify(given ?? {})) as Json;
  parametersFor(handler, parameters);
  const progress: Progress[] = [];
  const logs: LogLine[] = [];
  const clock = new TestClock();
  const ref = { queue: handler.queue, task_id: options.task_id ?? 'task-1' };
  const log = new MemoryLog(ref, clock, () => driver.look());
  const heard = listenedTo(handler, {
    called: (token) => driver.handlerCalled(token),
    reported: (report) => {
      progress.push(report);
      driver.look();
    },
  });
  const around: Surroundings = { log, clock, crashes: new CrashPlan(), handler: heard, logs };
  const driver = new RunDriver(around);
  log.change({ type: 'submit', spec: specOf(handler, options, clock.now()), parameters }, 'api:test');
  return new TestRun(around, driver, { progress, logs });
}

interface Ears {
  /** The handler was called for the attempt with this token. */
  called: (token: number) => void;
  /** The reporter tells no more than one report a second, and a clock that stands still has no second one. */
  reported: (report: Progress) => void;
}

function listenedTo(handler: Handler, ears: Ears): Handler {
  const invoke: Handler['invoke'] = (context) => {
    const { progress } = context;
    const value = (report: Progress): void => {
      progress(report);
      ears.reported(report);
    };
    const handled = handler.invoke(Object.defineProperty(context, 'progress', { value }));
    ears.called(context.fencingToken);
    return handled;
  };
  return { ...handler, invoke };
}

function specOf(handler: Handler, { task_id: _id, retry, ...given }: SubmitOptions, now: number): TaskSpec {
  const { options } = handler;
  const hard = given.time_limit ?? options.timeLimit ?? DEFAULT_TIME_LIMITS.hard;
  const soft = given.soft_time_limit ?? options.softTimeLimit ?? DEFAULT_TIME_LIMITS.soft;
  return {
    ...given,
    name: handler.name,
    priority: options.priority ?? PRIORITY.default,
    retry: mergeRetry(mergeRetry(DEFAULT_RETRY_POLICY, options.retry ?? {}), retry ?? {}),
    soft_time_limit: Math.min(soft, hard),
    time_limit: hard,
    submitted_at: new Date(now).toISOString(),
  };
}
