import { Injectable } from '@nestjs/common';
import { statusOf } from '@millrace/domain';
import type { Command, ExistingTask } from '@millrace/domain';
import { TaskLog } from '@millrace/log';
import type { Origin } from '../auth/caller.decorator.js';
import { DEFAULT_QUEUE } from './known-queue.js';
import { ProblemError } from '../http/problem.js';
import { CatchUp } from '../archive/catch-up.service.js';
import { Operations } from '../operations/operations.service.js';
import type { Ended, Started } from '../operations/operations.service.js';
import { SwiftChanges } from '../operations/swift-changes.service.js';
import { MovedOn } from '../operations/tally.js';
import { Targets } from '../operations/targets.service.js';
import type { Target } from '../operations/targets.service.js';
import { TaskCommands } from '../tasks/task-commands.service.js';
import type { PurgedQueue } from './purge.schema.js';

/** Cancels whatever waits in a queue, in a lane, for a time or for something else; what runs or is paused goes on as it is. */
@Injectable()
export class Purge {
  constructor(
    private readonly log: TaskLog,
    private readonly operations: Operations,
    private readonly targets: Targets,
    private readonly catchUp: CatchUp,
    private readonly swift: SwiftChanges,
    private readonly commands: TaskCommands,
  ) {}

  /**
   * Begins it: with all that was submitted before, and nothing that comes later.
   *
   * @throws ProblemError `queue/not-found`
   */
  async start(queue: string, by: Origin, gone?: AbortSignal): Promise<Started> {
    const submitted_before = new Date().toISOString();
    if (queue !== DEFAULT_QUEUE && !(await this.log.buckets.queues.get(queue))) throw notFound(queue);
    await this.catchUp.untilNow();
    const filter = { queue, status: ['PENDING', 'RETRY'] as const, submitted_before };
    return this.operations.start(
      {
        action: 'purge',
        wish: { filter: { queue, submitted_before } },
        targets: (tally) => this.targets.find({ filter, limit: Infinity, withParameters: false }, tally),
        act: (target, operation) => this.#cancel(target, operation, by),
      },
      by,
      gone,
    );
  }

  async #cancel(target: Target, operation: string, by: Origin): Promise<void> {
    const command: Command = { type: 'cancel', operation };
    if (await this.swift.change(target, command, by, refuseUnlessItWaits)) return;
    await this.commands.cancel(target.row.id, by, refuseUnlessItWaits, operation);
  }
}

/** The answer to a purge that was waited for. */
export function purgedOf({ operation }: Ended): PurgedQueue {
  const { done, stopped, operation_id, status, undo_until } = operation;
  const early = stopped === null ? '' : ` It ended early: ${stopped}`;
  const undo = undo_until === null ? '' : `; that can be undone until ${undo_until}`;
  const message = `${done} waiting ${done === 1 ? 'task was' : 'tasks were'} cancelled${undo}.${early}`;
  return { success: status === 'done', message, affected: done, operation_id };
}

const notFound = (queue: string): ProblemError =>
  new ProblemError('queue/not-found', `The queue "${queue}" is not defined, so nothing waits in it.`);

function refuseUnlessItWaits(state: ExistingTask): void {
  if (state.phase !== 'ready' && state.phase !== 'scheduled' && state.phase !== 'held')
    throw new MovedOn(`The task is ${statusOf(state)} by now; a purge takes only what waits.`);
}
