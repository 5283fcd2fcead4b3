import type { HandlerProgram } from './isolation/child-program.js';
import type { Logger, Telemetry } from '@millrace/runtime';
import type { Labels } from './handlers/labels.js';

/** How a worker process works. */
export interface WorkerOptions {
  /** Where the broker is: `nats://user:password@host:port`. */
  natsUrl: string;
  logger: Logger;
  /** Where it tells Prometheus of itself. Defaults to nowhere. */
  telemetry?: Telemetry;
  /** Handlers that run at once. Defaults to the number of cores. */
  concurrency?: number;
  /** Tickets held beyond the running ones. Defaults to 0: urgent work never waits in a busy worker. */
  prefetch?: number;
  /** Queues to serve. Defaults to those of the handlers that the labels allow. */
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
  /** What the worker's id begins with. Defaults to the name of the host. */
  name?: string;
  /** What the worker says of itself, for handlers that require it: `{ gpu: 'true' }`. Defaults to none. */
  labels?: Labels;
  /** Seconds; the soft limit of tasks whose handler sets none. Defaults to 1800. */
  softTimeLimit?: number;
  /** Seconds; the limit of tasks whose handler sets none. Defaults to 2400. */
  timeLimit?: number;
  /** Where tasks keep temporary files, see `TaskContext.tempDir`. Defaults to `millrace` in the temporary folder of the system. */
  tempDir?: string;
  /** Called once, when the queues have nothing left to do; tasks that wait for a time do not count. The worker goes on until it is stopped. */
  onQueuesEmpty?: () => void;
}

export const WORKER_OPTIONS = Symbol('millrace:worker-options');
