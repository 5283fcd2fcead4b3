import type { HandlerProgram } from './isolation/child-program.js';
import type { Logger } from '@millrace/runtime';

/** How a worker process works. */
export interface WorkerOptions {
  /** Where the broker is: `nats://user:password@host:port`. */
  natsUrl: string;
  logger: Logger;
  /** Handlers that run at once. Defaults to the number of cores. */
  concurrency?: number;
  /** Tickets held beyond the running ones. Defaults to 0: urgent work never waits in a busy worker. */
  prefetch?: number;
  /** Queues to serve. Defaults to those of the handlers. */
  queues?: string[];
  /** Seconds without a sign of life after which the server gives a ticket to another worker. Defaults to 30. */
  leaseSeconds?: number;
  /** Seconds that running handlers are given to end when the worker stops. Defaults to 10. */
  drainSeconds?: number;
  /** Milliseconds after a (re)connect in which nothing is taken over. Defaults to 10,000. */
  quietMs?: number;
  /** What runs handlers in child processes: this very program, as `WorkerModule` sets it. Without it there is no isolation. */
  handlerProgram?: HandlerProgram;
  /** Tasks after which a child process that runs handlers is replaced; 0 for no limit. Defaults to 10. */
  maxTasksPerChild?: number;
  /** Bytes of memory beyond which a child process is killed with the handler it runs. Defaults to 2 GiB. */
  maxMemoryPerChildBytes?: number;
  /** Milliseconds until a task that has no handler here is offered again. Defaults to 5,000. */
  unhandledRetryMs?: number;
}

export const WORKER_OPTIONS = Symbol('millrace:worker-options');
