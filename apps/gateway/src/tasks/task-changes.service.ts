import { Injectable } from '@nestjs/common';
import { decide, hasEnded, isRefusal } from '@millrace/domain';
import type { Command, ExistingTask, Fact } from '@millrace/domain';
import { ConcurrencyError, TaskLog } from '@millrace/log';
import { stateOf } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { LogGate } from '../log/log-gate.js';
import { LogWatch } from '../log/log-watch.js';
import { revived } from './revival.js';
import { Revivals } from './revivals.service.js';
import type { CommandDone } from './task-commands.schema.js';
import { notFound } from './task-reader.service.js';

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
    private readonly revivals: Revivals,
  ) {}

  /**
   * @throws TaskRefusal when the state does not allow it, or there is no such task
   * @throws ConcurrencyError when others were faster, again and again
   */
  async change(taskId: string, command: Command, by: Origin, check?: Check): Promise<Changed> {
    await this.gate.pass();
    if (isComeback(command) && !(await this.#bringAlong(taskId, goesOn(command))))
      return this.#changeArchived(taskId, command, by, check);
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

  /** False when the log has the task, but not its parameters any more. */
  async #bringAlong(taskId: string, withRecords: boolean): Promise<boolean> {
    const state = await this.log.read.current({ task_id: taskId });
    // Whatever has not ended has all that it needs.
    if (!hasEnded(state) || state.phase === 'cleaned') return true;
    if (state.parameters === undefined && !(await this.log.read.factAt(state.input))) return false;
    if (withRecords) await this.revivals.keepRecords(taskId, state);
    return true;
  }

  /** The domain judges the archived task as it would the live one; what it allows brings the task back into the log. */
  async #changeArchived(taskId: string, command: Command, by: Origin, check?: Check): Promise<Changed> {
    const before = await this.#archived(taskId);
    check?.(before);
    const event = decide(command, before, { now: Date.now(), random: 0 });
    if (!event) return { before };
    const ref = { queue: before.queue, task_id: taskId };
    const last = await this.log.read.lastFact(ref);
    // What the archive has not seen yet must not be passed over.
    if (last && last.sequence > before.sequence) throw new ConcurrencyError(before.sequence, last.sequence);
    const whole = revived(event, before);
    if ('task' in whole.data && whole.kind !== 'cleaned') await this.revivals.keepRecords(taskId, whole.data);
    const options = { actor: by.actor, deadlineMs: DEADLINE_MS };
    return { before, fact: await this.log.append(ref, last?.sequence ?? 0, whole, options) };
  }

  async #archived(taskId: string): Promise<ExistingTask> {
    const row = (await this.watch.hasForgottenByNow()) ? await this.archive.tasks.get(taskId) : undefined;
    if (!row) throw notFound(taskId);
    return stateOf(row);
  }
}

/** Commands by which what has ended runs again. */
const isComeback = ({ type }: Command): boolean =>
  type === 'retry' || type === 'resume' || type === 'restore';

/** From where it was. */
const goesOn = (command: Command): boolean => !(command.type === 'retry' && command.from_start === true);

/** The answer to a command that was done. */
export const done = (message: string, { before, fact }: Changed): CommandDone => ({
  success: true,
  message,
  task_id: before.id,
  new_task_id: before.id,
  sequence: fact?.sequence ?? before.sequence,
});
