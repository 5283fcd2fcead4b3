import { isRefusal } from '@millrace/domain';
import { BadBodyError, ConcurrencyError, LogRefusedError } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import type { AgedTask, LaneQueries } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import { forEachAtMost } from '../patrol/for-each-at-most.js';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';

/** Tasks of a lane that rise in one round at most: each costs a fact. */
const RISE_AT_MOST = 200;
const AT_ONCE = 50;

/**
 * Raises tasks of queues with `age_after_seconds` by one lane when they have waited for so long in theirs. The rows only find them: the
 * raise is decided on the log.
 */
export class Ageing {
  constructor(
    private readonly log: TaskLog,
    private readonly lanes: LaneQueries,
    private readonly logger: Logger,
  ) {}

  /** One round. True when there is more to raise. */
  async round(signal?: AbortSignal): Promise<boolean> {
    let hasMore = false;
    for (const { key: queue, value } of await this.log.buckets.queues.entries()) {
      const seconds = value.settings?.age_after_seconds;
      if (seconds === undefined) continue;
      const before = new Date(Date.now() - seconds * 1000);
      const aged = await this.lanes.aged(queue, before, RISE_AT_MOST);
      const raised = await this.#raise(aged, before, signal);
      if (raised > 0) this.logger.debug({ queue, tasks: raised }, 'Tasks rose by a lane');
      // Without any success the rows are only old: the projector is behind.
      hasMore ||= aged.length >= RISE_AT_MOST && raised > 0;
    }
    return hasMore;
  }

  async #raise(aged: readonly AgedTask[], before: Date, signal?: AbortSignal): Promise<number> {
    let raised = 0;
    await forEachAtMost(AT_ONCE, aged, async ({ queue, id }) => {
      signal?.throwIfAborted();
      if (await this.#rise({ queue, task_id: id }, before)) raised++;
    });
    return raised;
  }

  async #rise(task: { queue: string; task_id: string }, before: Date): Promise<boolean> {
    const options = { actor: ACTOR, deadlineMs: DEADLINE_MS };
    try {
      const { fact } = await this.log.change(
        task,
        { type: 'age' },
        {
          ...options,
          check: (state) => {
            // The row was old: it has risen or moved since.
            if (Date.parse(state.updated_at) >= before.getTime()) throw new MovedSince();
          },
        },
      );
      return fact !== undefined;
    } catch (error) {
      if (error instanceof MovedSince || error instanceof ConcurrencyError || isRefusal(error)) return false;
      if (!(error instanceof BadBodyError || error instanceof LogRefusedError)) throw error;
      this.logger.warn({ err: error, ...task }, 'A task could not be raised');
      return false;
    }
  }
}

class MovedSince extends Error {}
