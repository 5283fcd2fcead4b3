import { setTimeout as sleep } from 'node:timers/promises';
import { LogUnavailableError } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import type { UnhandledTickets } from './unhandled-tickets.js';
import type { WorkerOptions } from './worker-options.js';

const LOOK_EVERY_MS = 500;
/** Between two looks a task may be on its way from one fact to the next. */
const EMPTY_LOOKS = 2;

/** What of a worker decides whether there is anything left to do. */
export interface BurstingWorker {
  queues: readonly string[];
  /** It would wait for these in vain. */
  unhandled: UnhandledTickets;
  /** Whether it has no ticket in hand. */
  isIdle: () => boolean;
  isStopping: () => boolean;
}

/**
 * Calls `onQueuesEmpty`, if there is one, once the queues are empty, twice in a row: no ticket waits to be delivered, and none is in
 * anybody's hands but those that this worker has given back because it cannot run them. Tasks that wait for a time do not count.
 */
export function tellWhenEmpty(log: TaskLog, options: WorkerOptions, worker: BurstingWorker): void {
  const { logger, onQueuesEmpty } = options;
  if (!onQueuesEmpty) return;
  untilEmpty(log, worker).then(
    (isEmpty) => {
      if (!isEmpty) return;
      logger.info({ queues: worker.queues, unhandled: worker.unhandled.count }, 'The queues are empty');
      onQueuesEmpty();
    },
    (error: unknown) => {
      logger.error({ err: error }, 'Whether the queues are empty cannot be found out');
    },
  );
}

/** False when the worker stops before. */
async function untilEmpty(log: TaskLog, worker: BurstingWorker): Promise<boolean> {
  for (let empty = 0; empty < EMPTY_LOOKS;) {
    await sleep(LOOK_EVERY_MS);
    if (worker.isStopping()) return false;
    empty = worker.isIdle() && (await isEmpty(log, worker)) ? empty + 1 : 0;
  }
  return true;
}

async function isEmpty(log: TaskLog, { queues, unhandled }: BurstingWorker): Promise<boolean> {
  try {
    const backlogs = await Promise.all(queues.map((queue) => log.admin.backlog(queue)));
    const sum = (count: (backlog: (typeof backlogs)[number]) => number): number =>
      backlogs.reduce((total, backlog) => total + count(backlog), 0);
    return sum(({ pending }) => pending) === 0 && sum((each) => each.unacknowledged) <= unhandled.count;
  } catch (error) {
    if (error instanceof LogUnavailableError) return false;
    throw error;
  }
}
