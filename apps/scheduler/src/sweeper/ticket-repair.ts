import { setTimeout as sleep } from 'node:timers/promises';
import { decide } from '@millrace/domain';
import type { Run } from '@millrace/domain';
import type { TaskLog, TaskRef } from '@millrace/log';
import type { LaneFloors } from '@millrace/read-model';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';
import type { Repair } from './repairs.js';
import { judgeTicket } from './ticket-verdict.js';

const ASK_TIMEOUT_MS = 1_000;

/** Gives ready and running tasks a new ticket, if the log agrees that the old one is lost. */
export class TicketRepair {
  constructor(
    private readonly log: TaskLog,
    /** For so long after a (re)connect nobody's silence means death. */
    private readonly quietMs: number,
  ) {}

  /**
   * Appends on the condition that the very fact that was judged still is the last one: of two sweepers one is refused, and so is the only
   * one if the task has moved meanwhile.
   *
   * @param floors read before this is called
   * @throws ConcurrencyError when it has
   */
  async repair(task: TaskRef, floors: LaneFloors): Promise<Repair | undefined> {
    const state = await this.log.read.task(task);
    const verdict = judgeTicket(state, floors);
    if (verdict.action === 'leave' || state.phase === 'none') return undefined;
    if (verdict.action === 'ask' && (await this.#mayLive(verdict.run))) return undefined;
    const event = decide({ type: 'repair-ticket', seen: state.sequence }, state, {
      now: Date.now(),
      random: Math.random(),
    });
    if (!event) return undefined;
    const fact = await this.log.append(task, state.sequence, event, {
      actor: ACTOR,
      deadlineMs: DEADLINE_MS,
    });
    const dead = verdict.action === 'ask' ? ` and the worker ${verdict.run.worker} is gone` : '';
    return { what: 'ticket', because: verdict.because + dead, sequence: fact.sequence };
  }

  /** As workers ask before they take over: no answer twice, with time for a reconnect in between, is death. */
  async #mayLive(run: Run): Promise<boolean> {
    if (this.log.connectedForMs < this.quietMs) return true;
    const first = await this.log.askRuns(run.worker, run, ASK_TIMEOUT_MS);
    if (first !== undefined) return first;
    await sleep(ASK_TIMEOUT_MS);
    return (await this.log.askRuns(run.worker, run, ASK_TIMEOUT_MS)) ?? false;
  }
}
