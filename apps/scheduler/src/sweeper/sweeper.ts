import { isRefusal } from '@millrace/domain';
import {
  BadBodyError,
  ConcurrencyError,
  LogRefusedError,
  LogUnavailableError,
  subjects,
} from '@millrace/log';
import type { TaskLog, TaskRef } from '@millrace/log';
import type { LaneFloors, SweepQueries, SweptTask } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import { forEachAtMost } from '../patrol/for-each-at-most.js';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';
import { untilProjected } from './catch-up.js';
import { believableFloors } from './lane-floors.js';
import { LeastTickets } from './least-tickets.js';
import { Repairs } from './repairs.js';
import type { Repair } from './repairs.js';
import { SignalRepair } from './signal-repair.js';
import { TicketRepair } from './ticket-repair.js';
import { WaitRepair } from './wait-repair.js';
import { OVERDUE_AFTER_MS } from './wait-verdict.js';

export interface SweeperOptions {
  log: TaskLog;
  tables: SweepQueries;
  logger: Logger;
  /** Time after a (re)connect in which no running task is taken for lost. */
  quietMs: number;
  /** Defaults to {@link OVERDUE_AFTER_MS}. */
  overdueAfterMs?: number;
  /** Repairs of one round at most. Defaults to {@link REPAIRS_AT_MOST}. */
  repairsAtMost?: number;
  /** How long a round waits for rows that are behind the ack floors. Defaults to {@link PATIENCE_MS}. */
  patienceMs?: number;
}

const REPAIRS_AT_MOST = 1_000;
const PATIENCE_MS = 10_000;
/** Suspicions of one kind and queue that a round looks into: more than repairs, for some of them turn out to be well. */
const SUSPICIONS = 5_000;
/** Mostly these wait for a worker that does not answer. */
const AT_ONCE = 50;

/**
 * Looks for what no message will ever wake. The read model only suspects: it may be behind. The log, asked after it, decides, and every
 * repair is conditional on what was seen there. So two sweepers at once, or one that is woken after an hour, repair nothing twice.
 */
export class Sweeper {
  readonly #tickets: TicketRepair;
  readonly #waits: WaitRepair;
  readonly #signals: SignalRepair;
  readonly #leastTickets: LeastTickets;
  /** Up to where the waits for signals were looked into; the next round goes on behind it. */
  #signalsAfter = 0;

  constructor(private readonly options: SweeperOptions) {
    const { log, tables, quietMs, overdueAfterMs } = options;
    this.#tickets = new TicketRepair(log, quietMs);
    this.#waits = new WaitRepair(log, overdueAfterMs ?? OVERDUE_AFTER_MS);
    this.#signals = new SignalRepair(log, overdueAfterMs ?? OVERDUE_AFTER_MS);
    this.#leastTickets = new LeastTickets(log, tables);
  }

  /** One round. True when it ended before its work did. */
  async round(signal?: AbortSignal): Promise<boolean> {
    const { log, tables, logger, repairsAtMost } = this.options;
    if (!log.connected) throw new LogUnavailableError('The broker is away.');
    const repairs = new Repairs(log, logger, repairsAtMost ?? REPAIRS_AT_MOST);
    const queues = await log.buckets.queues.entries();
    const floorsOf = await this.#floorsOf(
      queues.map(({ key }) => key),
      signal,
    );
    await this.#untilRowsTell(signal);
    for (const [queue, floors] of floorsOf) {
      signal?.throwIfAborted();
      const lost = await tables.lostTickets(queue, floors, SUSPICIONS);
      await this.#lookInto(lost, repairs, (task) => this.#tickets.repair(task, floors), signal);
      const before = new Date(Date.now() - (this.options.overdueAfterMs ?? OVERDUE_AFTER_MS));
      const overdue = await tables.overdueWaits(queue, floors, before, SUSPICIONS);
      await this.#lookInto(overdue, repairs, (task) => this.#waits.repair(task, floors), signal);
    }
    await this.#releaseSignalled(repairs, signal);
    const hasMoreExpired = await this.#expire(signal);
    await this.#leastTickets.keep(queues);
    return repairs.areSpent || hasMoreExpired;
  }

  /** Before anything else is read: see judgeTicket. */
  async #floorsOf(queues: readonly string[], signal?: AbortSignal): Promise<Map<string, LaneFloors>> {
    const { log } = this.options;
    const read = new Map<string, LaneFloors>();
    for (const queue of queues) {
      signal?.throwIfAborted();
      read.set(queue, await log.admin.ackFloors(queue));
    }
    const { lastSequence } = await log.admin.state();
    return new Map([...read].map(([queue, floors]) => [queue, this.#believed(queue, floors, lastSequence)]));
  }

  #believed(queue: string, floors: LaneFloors, lastSequence: number): LaneFloors {
    const { believable, beyond } = believableFloors(floors, lastSequence);
    if (beyond.length > 0)
      this.options.logger.error(
        { queue, lanes: beyond, lastSequence },
        'Lanes are read from beyond the end of the log and deliver nothing: remove their consumers and start a worker',
      );
    return believable;
  }

  /**
   * A task ends in the log before its ticket is acknowledged: once the rows tell of all that was in the log after the floors were read, no
   * task that has ended looks as if it had lost its ticket. Under load these would be thousands.
   */
  async #untilRowsTell(signal?: AbortSignal): Promise<void> {
    const { log, tables, patienceMs } = this.options;
    // Not the end of the stream: timers and asks are in it, and are not projected.
    const last = await log.read.lastOn(subjects.allTasks);
    if (last) await untilProjected(tables, last.sequence, patienceMs ?? PATIENCE_MS, signal);
  }

  /** Most of these wait in good order: a part of them in each round, the oldest waits first, and then from the beginning. */
  async #releaseSignalled(repairs: Repairs, signal?: AbortSignal): Promise<void> {
    const waits = await this.options.tables.signalWaits(SUSPICIONS, this.#signalsAfter);
    await this.#lookInto(waits, repairs, (task, row) => this.#signals.repair(task, row), signal);
    if (repairs.areSpent) return;
    this.#signalsAfter = waits.length < SUSPICIONS ? 0 : (waits.at(-1)?.sequence ?? 0);
  }

  async #lookInto(
    suspects: readonly SweptTask[],
    repairs: Repairs,
    repair: (task: TaskRef, row: SweptTask) => Promise<Repair | undefined>,
    signal?: AbortSignal,
  ): Promise<void> {
    await forEachAtMost(AT_ONCE, suspects, async (row) => {
      if (repairs.areSpent) return;
      signal?.throwIfAborted();
      const task = { queue: row.queue, task_id: row.id };
      const repaired = await this.#unlessItMoved(task, () => repair(task, row));
      if (repaired) await repairs.tell(task, repaired);
    });
  }

  /** Nothing was lost here, so nobody is told. */
  async #expire(signal?: AbortSignal): Promise<boolean> {
    const { log, tables, logger } = this.options;
    const expired = await tables.expired(new Date(), SUSPICIONS);
    let ended = 0;
    await forEachAtMost(AT_ONCE, expired, async ({ queue, id }) => {
      signal?.throwIfAborted();
      const task = { queue, task_id: id };
      const options = { actor: ACTOR, deadlineMs: DEADLINE_MS };
      const change = await this.#unlessItMoved(task, () => log.change(task, { type: 'expire' }, options));
      if (change?.fact) ended++;
    });
    if (ended > 0) logger.info({ tasks: ended }, 'Tasks expired before they started');
    // Without any success the rows are only old: the projector is behind.
    return expired.length === SUSPICIONS && ended > 0;
  }

  /** A task that moved on needs nothing; one that cannot be read or written must not keep the others from their repair. */
  async #unlessItMoved<T>(task: TaskRef, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ConcurrencyError || isRefusal(error)) return undefined;
      if (!(error instanceof BadBodyError || error instanceof LogRefusedError)) throw error;
      this.options.logger.warn({ err: error, ...task }, 'A task could not be looked into');
      return undefined;
    }
  }
}
