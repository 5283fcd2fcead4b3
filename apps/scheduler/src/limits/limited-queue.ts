import { Dispatcher, NO_TASK, decide, evolve, isLimited } from '@millrace/domain';
import type { QueueLimits, QueuedTask } from '@millrace/domain';
import { ConcurrencyError, LogUnavailableError, LogWentBackError, streams, subjects } from '@millrace/log';
import type { Follower, TaskLog } from '@millrace/log';
import type { LimitQueries } from '@millrace/read-model';
import { onAbort, rest } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';
import { ACTOR } from '../scheduler.constants.js';
import { loadTasks } from './load-tasks.js';
import { SlotBook } from './slot-book.js';
import { TaskFold } from './task-fold.js';
import { Wakening } from './wakening.js';

export interface LimitedQueueOptions {
  log: TaskLog;
  tables: LimitQueries;
  logger: Logger;
  queue: string;
  /** Undefined once there are none: all that wait are let go, in their order. */
  limits: QueueLimits | undefined;
  isLeader: () => boolean;
  isPaused: () => boolean;
  /** Slots of the workers that serve the queue. */
  workerSlots: () => number;
}

/** What is let go in one go. */
const BATCH = 500;
/** Tasks that are ready and not started at least, so that a worker that is quick need not wait for us; in a fair queue each would be one turn too many. */
const LOOK_AHEAD_AT_LEAST = 8;
const RETRY_MS = 500;
/** Whoever was refused leaves the field to the other for so long at least. */
const YIELD_MS = 100;
/** What has ended is taken out of the records so much later, unless a grant comes first. */
const TIDY_AFTER_MS = 1_000;

/**
 * Gives the slots of one queue. What it knows is folded from the read model and, from there on, from the log; what it has given stands in
 * the records of {@link SlotBook} before any task is made ready by it.
 *
 * It may die, or stand still for any time, between any two lines: until the record is written nothing has happened; from then on the slot
 * belongs to the task, and whoever leads next makes it ready, or finds that it is. Whoever wakes up late is refused, either by the record or
 * by the task's last fact.
 */
export class LimitedQueue {
  readonly #stopped = new AbortController();
  readonly #wakening = new Wakening();
  readonly #limits: QueueLimits;
  #dispatcher: Dispatcher;
  #book: SlotBook;
  #fold: TaskFold;
  #follower: Follower | undefined;
  #next = 1;
  /** What is known here cannot be relied on: read all anew. */
  #isLost = false;
  #done: Promise<void> | undefined;
  #trouble: string | undefined;

  constructor(private readonly options: LimitedQueueOptions) {
    this.#limits = options.limits ?? {};
    [this.#dispatcher, this.#book, this.#fold] = this.#nothing();
  }

  get queue(): string {
    return this.options.queue;
  }

  get isUnlimited(): boolean {
    return this.options.limits === undefined;
  }

  get dispatcher(): Dispatcher {
    return this.#dispatcher;
  }

  get book(): SlotBook {
    return this.#book;
  }

  /** The sequence after the last fact that is known here; undefined while not all is known. */
  get knownUpTo(): number | undefined {
    return this.#isCaughtUp ? this.#follower?.next : undefined;
  }
  #isCaughtUp = false;

  start(): this {
    this.#done ??= this.#run();
    return this;
  }

  /** Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wakening.wake();
    await this.#done;
  }

  /** Something outside has changed: the pause, or the workers. */
  wake(): void {
    this.#wakening.wake();
  }

  /** What is known here is wrong, or somebody else has written: reads it all anew. */
  reload(): void {
    this.#isLost = true;
    this.#wakening.wake();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped()) {
      try {
        await this.#load();
        while (!this.#isLost && !this.#isStopped()) await this.#serve();
      } catch (error) {
        await this.#tellAndRest(error);
      } finally {
        this.#isCaughtUp = false;
        await this.#follower?.stop();
        this.#follower = undefined;
      }
    }
  }

  /** Until somebody else has written, or the broker is away: what is known here stays true meanwhile, and is only to be caught up with. */
  async #serve(): Promise<void> {
    try {
      const granted = await this.#catchUp();
      if (!granted) return;
      // At once, so that the starts which had to be guessed are not guessed again by the next who takes over.
      if (await this.#book.tidy(Date.now())) {
        this.#tellWell();
        void this.#letGo(granted);
        await this.#work();
      }
      // Two who take the records from each other without a pause would both give nothing.
      if (!this.#isLost) await this.#pause(YIELD_MS * (1 + Math.random()));
    } catch (error) {
      if (!(error instanceof LogUnavailableError)) throw error;
      await this.#tellAndRest(error);
    }
  }

  async #load(): Promise<void> {
    this.#isLost = false;
    [this.#dispatcher, this.#book, this.#fold] = this.#nothing();
    this.#next = (await loadTasks(this.options.tables, this.queue, this.#dispatcher)) + 1;
  }

  #nothing(): [Dispatcher, SlotBook, TaskFold] {
    const { log, queue } = this.options;
    const dispatcher = new Dispatcher(this.#limits);
    const book = new SlotBook(log.buckets.slots, queue, this.#limits, dispatcher);
    const fold = new TaskFold(log, dispatcher, (task) => {
      book.ended(task);
    });
    return [dispatcher, book, fold];
  }

  /**
   * Takes the records over, and folds all that was in the log by then: no slot that was given before can be unknown here after that, and none
   * can be given any more by others. Undefined when it was stopped or lost before.
   */
  async #catchUp(): Promise<QueuedTask[] | undefined> {
    this.#isCaughtUp = false;
    if (this.#follower) {
      await this.#follower.stop();
      this.#next = this.#follower.next;
    }
    await this.#book.seize();
    await this.#follow();
    if (this.#isStopped() || this.#isLost) return undefined;
    this.#isCaughtUp = true;
    return this.#reconcile();
  }

  async #follow(): Promise<void> {
    const { log, queue } = this.options;
    let unheed = (): void => undefined;
    await new Promise<void>((resolve) => {
      unheed = onAbort(this.#stopped.signal, resolve);
      this.#follower = log.follow({
        stream: streams.tasks.name,
        from: this.#next,
        filters: [subjects.factsOfQueue(queue)],
        onMessages: (messages) => {
          this.#fold.fold(messages, Date.now());
          this.#wakening.wake();
        },
        onCaughtUp: resolve,
        onError: (error) => {
          if (error instanceof LogWentBackError) {
            this.reload();
            resolve();
          }
          this.#tell(error);
        },
      });
    });
    unheed();
  }

  /** The slots are as the records say, and those who have one and are not ready yet are to be made so: whoever gave it may be dead. */
  #reconcile(): QueuedTask[] {
    for (const task of [...this.#dispatcher.holders]) this.#dispatcher.putBack(task);
    const granted: QueuedTask[] = [];
    for (const [id, fact] of this.#book.granted()) {
      const task = this.#dispatcher.find(id);
      if (!task || task.isHolder || task.sequence !== fact) continue;
      this.#dispatcher.grant(task);
      granted.push(task);
    }
    this.#book.restore(Date.now());
    return granted;
  }

  /** Gives slots until somebody else does, or it is stopped. */
  async #work(): Promise<void> {
    const { isLeader, isPaused } = this.options;
    while (!this.#isStopped() && !this.#isLost) {
      const now = Date.now();
      const mayGive = isLeader() && !isPaused();
      const tasks = mayGive ? this.#dispatcher.take(now, this.#lookAhead(), BATCH) : [];
      if (tasks.length > 0) {
        if (!(await this.#book.give(tasks, now))) return;
        const written = this.#letGo(tasks);
        // Without limits there is nothing else that slows it down.
        if (this.isUnlimited) await written;
      } else if (!(await this.#rest(now))) return;
    }
  }

  #lookAhead(): number {
    if (this.isUnlimited) return Infinity;
    return Math.max(this.options.workerSlots(), this.#limits.fair ? 1 : LOOK_AHEAD_AT_LEAST);
  }

  /** Waits until something may have changed. False: somebody else has written. */
  async #rest(now: number): Promise<boolean> {
    const opensAt = this.#dispatcher.wakeAt(now) ?? Infinity;
    await this.#wakening.wait(Math.min(opensAt - now, TIDY_AFTER_MS));
    const isDue = this.#book.isStale && this.#book.writtenMsAgo >= TIDY_AFTER_MS;
    return isDue && this.options.isLeader() ? this.#book.tidy(Date.now()) : true;
  }

  async #letGo(tasks: readonly QueuedTask[]): Promise<void> {
    await Promise.all(tasks.map((task) => this.#makeReady(task)));
  }

  /** Whatever becomes of it, the follower will tell: here nothing is concluded. */
  async #makeReady(task: QueuedTask): Promise<void> {
    const { log, queue, logger } = this.options;
    const { signal } = this.#stopped;
    while (!this.#isStopped()) {
      try {
        const fact = await this.#fold.heldFact(queue, task);
        if (!fact) return;
        const state = evolve(NO_TASK, fact);
        const slot = isLimited(this.#limits, fact.data.task.concurrency_key);
        const event = decide({ type: 'grant', slot }, state, { now: Date.now(), random: 0 });
        if (event) await log.append(fact, fact.sequence, event, { actor: ACTOR, signal });
        return;
      } catch (error) {
        // It was cancelled, moved, or made ready by another leader.
        if (error instanceof ConcurrencyError || this.#isStopped()) return;
        if (!(error instanceof LogUnavailableError)) {
          logger.warn(
            { err: error, queue, task_id: task.id, lane: task.lane.name },
            'A slot could not be used',
          );
          return;
        }
        await this.#pause(RETRY_MS);
      }
    }
  }

  async #tellAndRest(error: unknown): Promise<void> {
    if (this.#isStopped()) return;
    this.#tell(error);
    await this.#pause(RETRY_MS);
  }

  /** Once for each kind of trouble: Postgres may be away for an hour. */
  #tell(error: unknown): void {
    const { logger, queue } = this.options;
    const trouble = error instanceof Error ? error.name : String(error);
    const level = trouble === this.#trouble ? 'debug' : 'warn';
    logger[level]({ err: error, queue }, 'Tasks that wait for a slot go on waiting; trying again');
    this.#trouble = trouble;
  }

  #tellWell(): void {
    const { logger, queue } = this.options;
    const { waiting, holderCount } = this.#dispatcher;
    logger.info({ queue, waiting, holders: holderCount }, 'Gives the slots of the queue');
    this.#trouble = undefined;
  }

  #pause(ms: number): Promise<void> {
    return rest(ms, this.#stopped.signal);
  }

  #isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }
}
