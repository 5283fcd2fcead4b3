import type { TaskLog, TaskRef } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';

/** What was missing and is there again. */
export interface Repair {
  what: 'ticket' | 'timer' | 'signal';
  because: string;
  /** The fact that was written, or, for a timer, the wait that it serves. */
  sequence: number;
}

/** The repairs of one round: bounded, and each of them told. */
export class Repairs {
  #done = 0;

  constructor(
    private readonly log: TaskLog,
    private readonly logger: Logger,
    private readonly atMost: number,
  ) {}

  get areSpent(): boolean {
    return this.#done >= this.atMost;
  }

  async tell(task: TaskRef, repair: Repair): Promise<void> {
    this.#done++;
    const { queue, task_id } = task;
    this.logger.warn({ task_id, queue, ...repair }, 'A task was repaired');
    const note = { at: new Date().toISOString(), actor: ACTOR, task_id, queue, ...repair };
    await this.log.note('task', 'repaired', note, { deadlineMs: DEADLINE_MS });
  }
}
