import { decodeDue, subjects } from '@millrace/log';
import type { TaskLog, TaskRef } from '@millrace/log';
import type { LaneFloors } from '@millrace/read-model';
import { DEADLINE_MS } from '../scheduler.constants.js';
import type { Repair } from './repairs.js';
import { lostWait, overdueWait } from './wait-verdict.js';
import type { Fired, Wait } from './wait-verdict.js';

/** Arms the timer of overdue waits anew, if the log agrees that neither timer nor ticket is left. */
export class WaitRepair {
  constructor(
    private readonly log: TaskLog,
    private readonly overdueAfterMs: number,
  ) {}

  /**
   * The timer is armed on the condition that the wait still is the last fact. A second one does no harm: it replaces the first on its
   * subject, and of two tickets one is void.
   *
   * @param floors read before this is called
   */
  async repair(task: TaskRef, floors: LaneFloors): Promise<Repair | undefined> {
    const wait = overdueWait(await this.log.read.lastFact(task), Date.now(), this.overdueAfterMs);
    if (!wait || (await this.log.admin.hasTimer(task, wait.sequence))) return undefined;
    const because = lostWait(wait, await this.#lastFired(task, wait), floors);
    if (because === undefined) return undefined;
    await this.log.arm(wait, { deadlineMs: DEADLINE_MS });
    // Nothing was armed if the wait had ended meanwhile.
    const last = await this.log.read.lastFact(task);
    return last?.sequence === wait.sequence ? { what: 'timer', because, sequence: wait.sequence } : undefined;
  }

  async #lastFired(task: TaskRef, wait: Wait): Promise<Fired | undefined> {
    const message = await this.log.read.lastOn(subjects.due(task, wait.data.lane));
    if (!message) return undefined;
    const { after } = decodeDue(task, message.sequence, message.payload);
    return { after, sequence: message.sequence };
  }
}
