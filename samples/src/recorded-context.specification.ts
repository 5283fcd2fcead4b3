import { createLogger } from '@millrace/runtime';
import type { Progress, TaskContext } from '@millrace/worker';

/** A context as the worker would give it, which keeps what the handler reports. `stop` aborts its signal. */
export function recordedContext<Params>(params: Params, given: Partial<TaskContext<Params>> = {}) {
  const reports: Progress[] = [];
  const controller = new AbortController();
  const context: TaskContext<Params> = {
    taskId: 'task-1',
    taskName: 'sample',
    queue: 'default',
    params,
    attempt: 1,
    failures: 0,
    maxRetries: 3,
    fencingToken: 1,
    signal: controller.signal,
    log: createLogger({ app: 'specs', level: 'silent', format: 'json' }),
    userId: undefined,
    correlationId: undefined,
    tags: [],
    progress: (progress) => {
      reports.push(progress);
    },
    resumedFrom: undefined,
    checkpoint: () => Promise.resolve(),
    step: async (_name, run) => run(),
    sleep: () => Promise.resolve(),
    waitForSignal: () => Promise.reject(new Error('Nobody sends signals here.')),
    ...given,
  };
  return { context, reports, stop: (reason: Error) => controller.abort(reason) };
}
