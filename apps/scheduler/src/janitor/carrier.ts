import { decide } from '@millrace/domain';
import type { ExistingTask } from '@millrace/domain';
import { BadBodyError, ConcurrencyError, LogRefusedError } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
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
  async carryBelow(mark: number, firstInLog: number, signal?: AbortSignal): Promise<Carried> {
    const carried: Carried = { count: 0, low: mark, boundBy: undefined, hasMore: false };
    const bindTo = (row: SweptTask, needs = row.first_sequence): void => {
      if (needs >= carried.low) return;
      carried.low = needs;
      carried.boundBy = row;
    };
    for (let from = 0; ;) {
      const page = await this.tables.unfinishedBelow(mark, PAGE, from);
      const bound = page.findIndex((row) => !looksCarriable(row));
      await forEachAtMost(AT_ONCE, bound < 0 ? page : page.slice(0, bound), async (row) => {
        signal?.throwIfAborted();
        const { verdict, needs } = await this.#carry(row, mark, firstInLog);
        if (verdict === 'carry') carried.count++;
        if (verdict === 'bound') bindTo(row, needs);
      });
      const end = page[bound];
      if (end) bindTo(end);
      const last = page.at(-1);
      if (!last || page.length < PAGE || carried.boundBy) return carried;
      from = last.first_sequence + 1;
      if (carried.count >= this.carriedAtMost) return { ...carried, low: from, hasMore: true };
    }
  }

  async #carry(row: SweptTask, low: number, firstInLog: number): Promise<Tried<CarryVerdict>> {
    try {
      for (let race = 0; race < RACES; race++) {
        const { verdict, needs } = await this.#tryToCarry(row, low, firstInLog);
        if (verdict !== 'moved') return { verdict, ...(needs !== undefined && { needs }) };
      }
    } catch (error) {
      if (!(error instanceof BadBodyError || error instanceof LogRefusedError)) throw error;
      this.logger.warn({ err: error, task_id: row.id, queue: row.queue }, 'A wait could not be carried');
    }
    return { verdict: 'bound' };
  }

  async #tryToCarry(row: SweptTask, low: number, firstInLog: number): Promise<Tried<CarryVerdict | 'moved'>> {
    const task = { queue: row.queue, task_id: row.id };
    const last = await this.log.read.lastFact(task);
    if (!last) return { verdict: 'needless' };
    const state = await this.log.read.task(task);
    // It has moved between the two reads, or a replica is behind.
    if (state.phase === 'none' || state.sequence !== last.sequence) return { verdict: 'moved' };
    const [signal] = await this.log.read.signals(task, 0);
    const verdict = judgeCarry(state, last, low, Date.now(), signal !== undefined);
    if (verdict !== 'carry')
      // One that came while the task was carried stands before all that its row names.
      return { verdict, ...(signal && { needs: Math.min(row.first_sequence, signal.sequence) }) };
    if (state.parameters === undefined && state.input < firstInLog) {
      // Nothing that the janitor keeps would bring them back, and one such task must not hold the log back for ever.
      this.logger.error({ ...task, input: state.input }, 'The parameters of a task have left the log');
      return { verdict: 'needless' };
    }
    const whole: ExistingTask = { ...state, parameters: await this.log.read.parametersOf(state) };
    const event = decide({ type: 'carry' }, whole, { now: Date.now(), random: Math.random() });
    if (!event) return { verdict: 'needless' };
    try {
      const wait = state.phase === 'scheduled' ? { endsWait: state.sequence } : {};
      await this.log.append(task, state.sequence, event, { actor: ACTOR, deadlineMs: DEADLINE_MS, ...wait });
      return { verdict: 'carry' };
    } catch (error) {
      if (error instanceof ConcurrencyError) return { verdict: 'moved' };
      throw error;
    }
  }
}

/** What came of a look at a task. */
interface Tried<Verdict> {
  verdict: Verdict;
  /** The oldest message that it needs in the log, if that is not the first fact that its row names. */
  needs?: number;
}
