import { Injectable } from '@nestjs/common';
import { decide, isRefusal, statusOf } from '@millrace/domain';
import type { Command, ExistingTask, Fact, TaskStatus } from '@millrace/domain';
import { ConcurrencyError, TaskLog } from '@millrace/log';
import { stateOf } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import type { Origin } from '../auth/caller.decorator.js';
import { LogGate } from '../log/log-gate.js';
import { LogWatch } from '../log/log-watch.js';
import { revived } from './revival.js';
import type { CancelledTask, CommandDone } from './task-commands.schema.js';
import { TaskEnds } from './task-ends.service.js';
import { notFound } from './task-reader.service.js';

const DEADLINE_MS = 5_000;
/** A worker that is asked to stop a task answers within this time, or the caller is told that it did not. */
const STOPPED_WITHIN_MS = 10_000;

type Changed = { before: ExistingTask; fact?: Fact };

/** What is done to tasks after their submission, decided on the log. */
@Injectable()
export class TaskCommands {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
    private readonly watch: LogWatch,
    private readonly archive: Archive,
    private readonly ends: TaskEnds,
  ) {}

  /** Revokes the task, whatever it does now. One that changes faster than anybody can write is stopped by its own worker. */
  async cancel(taskId: string, by: Origin): Promise<CancelledTask> {
    const { before, fact } = await this.#change(taskId, { type: 'cancel' }, by).catch((error: unknown) => {
      if (error instanceof ConcurrencyError) return this.#askToStop(taskId, by);
      throw error;
    });
    const alreadyAt = before.phase === 'cancelled' ? before.finished_at : before.updated_at;
    return {
      task_id: taskId,
      status: 'cancelled',
      message: CANCELLED[statusOf(before)],
      previous_state: statusOf(before),
      cancelled_at: fact?.at ?? alreadyAt,
      sequence: fact?.sequence ?? before.sequence,
    };
  }

  async retry(taskId: string, fromStart: boolean, by: Origin): Promise<CommandDone> {
    const command: Command = { type: 'retry', from_start: fromStart };
    return done('Task is queued for another run', await this.#change(taskId, command, by));
  }

  async resume(taskId: string, by: Origin): Promise<CommandDone> {
    return done('Task resumed successfully', await this.#change(taskId, { type: 'resume' }, by));
  }

  async #change(taskId: string, command: Command, by: Origin): Promise<Changed> {
    await this.gate.pass();
    try {
      const options = { actor: by.actor, deadlineMs: DEADLINE_MS };
      const { before, fact } = await this.log.change({ task_id: taskId }, command, options);
      if (before.phase === 'none') throw notFound(taskId);
      return fact ? { before, fact } : { before };
    } catch (error) {
      if (isRefusal(error, 'task/not-found')) return this.#changeArchived(taskId, command, by);
      throw error;
    }
  }

  /** The domain judges the archived task as it would the live one; what it allows brings the task back into the log. */
  async #changeArchived(taskId: string, command: Command, by: Origin): Promise<Changed> {
    const row = (await this.watch.hasForgottenByNow()) ? await this.archive.find(taskId) : undefined;
    if (!row) throw notFound(taskId);
    const before = stateOf(row);
    const event = decide(command, before, { now: Date.now(), random: 0 });
    if (!event) return { before };
    const ref = { queue: before.queue, task_id: taskId };
    const last = await this.log.read.lastFact(ref);
    const options = { actor: by.actor, deadlineMs: DEADLINE_MS };
    return { before, fact: await this.log.append(ref, last?.sequence ?? 0, revived(event, before), options) };
  }

  async #askToStop(taskId: string, by: Origin): Promise<Changed> {
    const before = await this.log.read.task({ task_id: taskId });
    if (before.phase === 'none') throw notFound(taskId);
    const ref = { queue: before.queue, task_id: taskId };
    await this.log.ask(
      ref,
      'stop',
      { actor: by.actor, at: new Date().toISOString() },
      { deadlineMs: DEADLINE_MS },
    );
    const after = await this.ends.until(before, STOPPED_WITHIN_MS);
    // Its own refusals for a task that ended otherwise, and one more try for one that now holds still.
    const last = await this.#change(taskId, { type: 'cancel' }, by);
    return after.phase === 'cancelled' ? { before, ...(last.fact && { fact: last.fact }) } : last;
  }
}

const CANCELLED: Record<TaskStatus, string> = {
  PENDING: 'Task was pending and has been removed from the queue',
  STARTED: 'Task was running and has been terminated',
  PROCESSING: 'Task was running and has been terminated',
  RETRY: 'Task was waiting for a retry and has been cancelled',
  PAUSED: 'Task was paused and has been cancelled',
  REVOKED: 'Task was already cancelled',
  // Refused before it comes to this.
  SUCCESS: 'Task has already completed successfully and cannot be cancelled',
  FAILURE: 'Task has already failed and cannot be cancelled',
};

const done = (message: string, { before, fact }: Changed): CommandDone => ({
  success: true,
  message,
  task_id: before.id,
  new_task_id: before.id,
  sequence: fact?.sequence ?? before.sequence,
});
