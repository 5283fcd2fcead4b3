import { SLOT, mayHoldSlot } from '@millrace/domain';
import type { Fact } from '@millrace/domain';
import type { TaskLog, TaskRef } from '@millrace/log';
import type { LimitQueries } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import { forEachAtMost } from '../patrol/for-each-at-most.js';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';
import type { LimitedQueue } from './limited-queue.js';

/** Holders, and waiting tasks, that one check looks into. */
const LOOKED_INTO = 1_000;
const AT_ONCE = 50;
/** A write of our own is answered by then. */
const OWN_WRITE_MS = 200;

/** What was not as the log has it. */
type Drift =
  | 'a task had a slot and no use for it'
  | 'a task waited that was not known'
  | 'a record was changed by somebody else';

/**
 * Compares what the leader knows with the log, task by task. Normally it finds nothing: a leader folds the log and needs no check. It is there
 * for what nobody thought of, and for hands in the bucket; so everything it finds is told.
 */
export class SlotCheck {
  constructor(
    private readonly log: TaskLog,
    private readonly tables: LimitQueries,
    private readonly logger: Logger,
  ) {}

  async check(queue: LimitedQueue): Promise<void> {
    if (queue.knownUpTo === undefined) return;
    await this.#checkHolders(queue);
    await this.#checkWaiting(queue);
    const { book } = queue;
    if ((await book.isForeign(OWN_WRITE_MS)) && book === queue.book) {
      await this.#tell({ queue: queue.queue }, 'a record was changed by somebody else');
      queue.reload();
    }
  }

  async #checkHolders(queue: LimitedQueue): Promise<void> {
    const { dispatcher } = queue;
    const holders = [...dispatcher.holders].slice(0, LOOKED_INTO);
    await forEachAtMost(AT_ONCE, holders, async (task) => {
      const ref = { queue: queue.queue, task_id: task.id };
      const last = await this.log.read.lastFact(ref);
      // What is not known here yet will be; another object of the same task is another matter already.
      if (!isKnown(queue, last) || dispatcher.find(task.id) !== task || !task.isHolder) return;
      if (last && mayHoldSlot(last, task.sequence)) return;
      dispatcher.remove(task.id);
      queue.book.ended(task);
      await this.#tell(ref, 'a task had a slot and no use for it');
      queue.reload();
    });
  }

  async #checkWaiting(queue: LimitedQueue): Promise<void> {
    const { dispatcher } = queue;
    const rows = await this.tables.waiting(queue.queue, undefined, LOOKED_INTO);
    const unknown = rows.filter(({ id }) => dispatcher.find(id) === undefined);
    await forEachAtMost(AT_ONCE, unknown, async ({ id }) => {
      const ref = { queue: queue.queue, task_id: id };
      const last = await this.log.read.lastFact(ref);
      if (last?.kind !== 'held' || last.data.waiting_for !== SLOT) return;
      if (!isKnown(queue, last) || dispatcher.find(id) !== undefined) return;
      await this.#tell(ref, 'a task waited that was not known');
      queue.reload();
    });
  }

  async #tell(where: Partial<TaskRef>, what: Drift): Promise<void> {
    this.logger.warn({ ...where, what }, 'The slots of a queue were corrected');
    const note = { at: new Date().toISOString(), actor: ACTOR, ...where, what };
    await this.log.note('slots', 'corrected', note, { deadlineMs: DEADLINE_MS });
  }
}

const isKnown = ({ knownUpTo = 0 }: LimitedQueue, last: Fact | undefined): boolean =>
  (last?.sequence ?? 0) < knownUpTo;
