import { Injectable } from '@nestjs/common';
import { statusOf } from '@millrace/domain';
import type { Command, TaskStatus } from '@millrace/domain';
import { ConcurrencyError, TaskLog } from '@millrace/log';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { TaskChanges, done } from './task-changes.service.js';
import type { Changed, Check } from './task-changes.service.js';
import type { CancelledTask, CommandDone } from './task-commands.schema.js';
import { TaskEnds } from './task-ends.service.js';
import { notFound } from './task-reader.service.js';

/** A worker that is asked to stop a task answers within this time, or the caller is told that it did not. */
const STOPPED_WITHIN_MS = 10_000;

/** What is done to tasks after their submission, decided on the log. */
@Injectable()
export class TaskCommands {
  constructor(
    private readonly log: TaskLog,
    private readonly changes: TaskChanges,
    private readonly ends: TaskEnds,
  ) {}

  /**
   * Revokes the task, whatever it does now. One that changes faster than anybody can write is stopped by its own worker.
   *
   * @param operation the one that may be undone
   */
  async cancel(taskId: string, by: Origin, check?: Check, operation?: string): Promise<CancelledTask> {
    const command: Command = { type: 'cancel', ...(operation !== undefined && { operation }) };
    const change = this.changes.change(taskId, command, by, check);
    const { before, fact } = await change.catch((error: unknown) => {
      if (error instanceof ConcurrencyError) return this.#askToStop(taskId, by);
      throw error;
    });
    const alreadyAt = 'finished_at' in before ? before.finished_at : before.updated_at;
    return {
      task_id: taskId,
      status: 'cancelled',
      message: CANCELLED[statusOf(before)],
      previous_state: statusOf(before),
      cancelled_at: fact?.at ?? alreadyAt,
      sequence: fact?.sequence ?? before.sequence,
    };
  }

  async retry(taskId: string, fromStart: boolean, by: Origin, check?: Check): Promise<CommandDone> {
    const command: Command = { type: 'retry', from_start: fromStart };
    return done('Task is queued for another run', await this.changes.change(taskId, command, by, check));
  }

  async resume(taskId: string, by: Origin, check?: Check): Promise<CommandDone> {
    const change = await this.changes.change(taskId, { type: 'resume' }, by, check);
    return done('Task resumed successfully', change);
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
    const last = await this.changes.change(taskId, { type: 'cancel' }, by);
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
