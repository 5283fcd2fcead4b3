import type { Logger } from '@millrace/runtime';
import type { WorkerOptions } from '@millrace/worker';
import type { WorkerConfig } from './config.js';

/** The settings in the words of the library. */
export function workerOptions(config: Readonly<WorkerConfig>, logger: Logger): WorkerOptions {
  const { natsUrl, prefetch, leaseSeconds, drainSeconds, quietSeconds } = config;
  const { queues, concurrency, labels, name, softTimeLimit, timeLimit } = config;
  const { maxTasksPerChild, maxMemoryPerChildBytes, tempDir } = config;
  return {
    natsUrl,
    logger,
    prefetch,
    leaseSeconds,
    drainSeconds,
    quietMs: quietSeconds * 1000,
    ...(queues && { queues }),
    ...(concurrency !== undefined && { concurrency }),
    ...(labels && { labels }),
    ...(name !== undefined && { name }),
    ...(softTimeLimit !== undefined && { softTimeLimit }),
    ...(timeLimit !== undefined && { timeLimit }),
    ...(tempDir !== undefined && { tempDir }),
    ...(maxTasksPerChild !== undefined && { maxTasksPerChild }),
    ...(maxMemoryPerChildBytes !== undefined && { maxMemoryPerChildBytes }),
  };
}
