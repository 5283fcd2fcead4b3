import { decide } from '@millrace/domain';
import type { ExistingTask } from '@millrace/domain';
import { BadBodyError, ConcurrencyError, LogRefusedError, RecordLostError, recordsOf } from '@millrace/log';
import type { LogState, TaskLog, TaskRef } from '@millrace/log';
import type { SweepQueries, SweptTask } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import { forEachAtMost } from '../patrol/for-each-at-most.js';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';
import { judgeCarry, looksCarriable } from './carry-verdict.js';
import type { CarryVerdict } from './carry-verdict.js';

/** How a round of carrying went. */
export interface Carried {
  count: number;
  /** The mark after it: lower when not everything below could be carried. */
  low: number;
  /** The task that lowered the mark most. */
  boundBy: SweptTask | undefined;
  /** There was more than one round may carry. */
  hasMore: boolean;
}

const PAGE = 1_000;
/** A task that moves so often while it is looked at is no wait. */
const RACES = 3;
const AT_ONCE = 20;

/**
 * Writes waits again that lie below the mark, so that what they lean on may leave the log.
 *
 * Each write is conditional on the wait still being the last fact, and the log is asked whether it was written before: carrying twice, by
 * two janitors or by one that was killed in between, writes once.
 */
export class Carrier {
  constructor(
    private readonly log: TaskLog,
    private readonly tables: SweepQueries,
    private readonly logger: Logger,
    private readonly carriedAtMost: number,
  ) {}

  /** Goes through the unfinished tasks below the mark, the oldest first, up to the first that cannot be carried. */
  async carryBelow(mark: number, log: LogState, signal?: AbortSignal): Promise<Carried> {
    const carried: Carried = { count: 0, low: mark, boundBy: undefined, hasMore: false };
    const bindTo = (row: SweptTask): void => {
      if (row.first_sequence >= carried.low) return;
      carried.low = row.first_sequence;
      carried.boundBy = row;
    };
    for (let from = 0; ;) {
      const page = await this.tables.unfinishedBelow(mark, PAGE, from);
      const bound = page.findIndex((row) => !looksCarriable(row));
      await forEachAtMost(AT_ONCE, bound < 0 ? page : page.slice(0, bound), async (row) => {
        signal?.throwIfAborted();
        const verdict = await this.#carry(row, mark, log);
        if (verdict === 'carry') carried.count++;
        if (verdict === 'bound') bindTo(row);
      });
      const end = page[bound];
      if (end) bindTo(end);
      const last = page.at(-1);
      if (!last || page.length < PAGE || carried.boundBy) return carried;
      from = last.first_sequence + 1;
      if (carried.count >= this.carriedAtMost) return { ...carried, low: from, hasMore: true };
    }
  }

  async #carry(row: SweptTask, low: number, log: LogState): Promise<CarryVerdict> {
    try {
      for (let race = 0; race < RACES; race++) {
        const verdict = await this.#tryToCarry(row, low, log);
        if (verdict !== 'moved') return verdict;
      }
    } catch (error) {
      if (!(error instanceof BadBodyError || error instanceof LogRefusedError)) throw error;
      this.logger.warn({ err: error, task_id: row.id, queue: row.queue }, 'A wait could not be carried');
    }
    return 'bound';
  }

  async #tryToCarry(row: SweptTask, low: number, log: LogState): Promise<CarryVerdict | 'moved'> {
    const task = { queue: row.queue, task_id: row.id };
    const last = await this.log.read.lastFact(task);
    if (!last) return 'needless';
    const state = await this.log.read.task(task);
    // It has moved between the two reads, or a replica is behind.
    if (state.phase === 'none' || state.sequence !== last.sequence) return 'moved';
    const verdict = judgeCarry(state, last, low, Date.now());
    if (verdict !== 'carry') return verdict;
    if (state.parameters === undefined && state.input < log.firstSequence) {
      // Nothing that the janitor keeps would bring them back, and one such task must not hold the log back for ever.
      this.logger.error({ ...task, input: state.input }, 'The parameters of a task have left the log');
      return 'needless';
    }
    const needs = await this.#moveLeanings(task, state, low, log);
    if (needs === undefined) return 'needless';
    const whole: ExistingTask = { ...state, parameters: await this.log.read.parametersOf(state) };
    const command = { type: 'carry', needs, ...(row.token !== null && { token: row.token }) } as const;
    const event = decide(command, whole, { now: Date.now(), random: Math.random() });
    if (!event) return 'needless';
    try {
      const wait = state.phase === 'scheduled' ? { endsWait: state.sequence } : {};
      await this.log.append(task, state.sequence, event, { actor: ACTOR, deadlineMs: DEADLINE_MS, ...wait });
      return 'carry';
    } catch (error) {
      if (error instanceof ConcurrencyError) return 'moved';
      throw error;
    }
  }

  /**
   * Before the task itself: its records go to where they are kept, signals that it has not taken are written once more. Whoever is killed
   * in between has written them for nothing, and does it again.
   *
   * @returns the oldest message that the task needs in the log from then on; undefined when something that it needs is nowhere
   */
  async #moveLeanings(
    task: TaskRef,
    state: ExistingTask,
    low: number,
    { firstSequence, lastSequence }: LogState,
  ): Promise<number | undefined> {
    try {
      const { facts, taken } = await recordsOf(this.log.read, state);
      // What is older has been kept before.
      const own = facts.filter(({ sequence }) => sequence >= firstSequence);
      await Promise.all(
        own.map((fact) => this.log.kept.keep(fact, task.task_id, { deadlineMs: DEADLINE_MS })),
      );
      // A signal that comes from now on stands behind what was the last message when this round began.
      let needs = lastSequence;
      for (const { sequence, stored, name, payload, at } of await this.log.read.signals(task, 0)) {
        if (sequence <= (taken.get(name) ?? 0)) continue;
        const signal = { name, payload, at, actor: ACTOR, carried: sequence };
        const place =
          stored < low ? await this.log.ask(task, 'signal', signal, { deadlineMs: DEADLINE_MS }) : stored;
        needs = Math.min(needs, place);
      }
      return needs;
    } catch (error) {
      if (!(error instanceof RecordLostError)) throw error;
      this.logger.error(
        { ...task, record: error.sequence },
        'A checkpoint or step of a task has left the log',
      );
      return undefined;
    }
  }
}
