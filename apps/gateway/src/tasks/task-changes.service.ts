import { Injectable } from '@nestjs/common';
import { decide, isRefusal } from '@millrace/domain';
import type { Command, ExistingTask, Fact } from '@millrace/domain';
import { TaskLog } from '@millrace/log';
import { stateOf } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import type { Origin } from '../auth/caller.decorator.js';
import { LogGate } from '../log/log-gate.js';
import { LogWatch } from '../log/log-watch.js';
import { revived } from './revival.js';
import type { CommandDone } from './task-commands.schema.js';
import { notFound } from './task-reader.service.js';

/** The log answers within this time, or the caller is told to come back. */
export const DEADLINE_MS = 5_000;

/** What a command came to: no fact when the wish was already true. */
export type Changed = { before: ExistingTask; fact?: Fact };

/** Looks at the state on which a command is decided; what it throws refuses the command. */
export type Check = (before: ExistingTask) => void;

/** Decides commands on the log, and on the archive for tasks that have left it. */
@Injectable()
export class TaskChanges {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
    private readonly watch: LogWatch,
    private readonly archive: Archive,
  ) {}

  /**
   * @throws TaskRefusal when the state does not allow it, or there is no such task
   * @throws ConcurrencyError when others were faster, again and again
   */
  async change(taskId: string, command: Command, by: Origin, check?: Check): Promise<Changed> {
    await this.gate.pass();
    try {
      const options = { actor: by.actor, deadlineMs: DEADLINE_MS, ...(check && { check }) };
      const { before, fact } = await this.log.change({ task_id: taskId }, command, options);
      if (before.phase === 'none') throw notFound(taskId);
      return fact ? { before, fact } : { before };
    } catch (error) {
      if (isRefusal(error, 'task/not-found')) return this.#changeArchived(taskId, command, by, check);
      throw error;
    }
  }

  /** The task as a command would find it: in the log, from its leader, or in the archive. */
  async current(taskId: string): Promise<ExistingTask> {
    await this.gate.pass();
    const state = await this.log.read.current({ task_id: taskId });
    return state.phase === 'none' ? this.#archived(taskId) : state;
  }

  /** The domain judges the archived task as it would the live one; what it allows brings the task back into the log. */
  async #changeArchived(taskId: string, command: Command, by: Origin, check?: Check): Promise<Changed> {
    const before = await this.#archived(taskId);
    check?.(before);
    const event = decide(command, before, { now: Date.now(), random: 0 });
    if (!event) return { before };
    const ref = { queue: before.queue, task_id: taskId };
    const last = await this.log.read.lastFact(ref);
    const options = { actor: by.actor, deadlineMs: DEADLINE_MS };
    return { before, fact: await this.log.append(ref, last?.sequence ?? 0, revived(event, before), options) };
  }

  async #archived(taskId: string): Promise<ExistingTask> {
    const row = (await this.watch.hasForgottenByNow()) ? await this.archive.find(taskId) : undefined;
    if (!row) throw notFound(taskId);
    return stateOf(row);
  }
}

/** The answer to a command that was done. */
export const done = (message: string, { before, fact }: Changed): CommandDone => ({
  success: true,
  message,
  task_id: before.id,
  new_task_id: before.id,
  sequence: fact?.sequence ?? before.sequence,
});
