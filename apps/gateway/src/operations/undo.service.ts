import { Injectable } from '@nestjs/common';
import type { Command, ExistingTask } from '@millrace/domain';
import type { Origin } from '../auth/caller.decorator.js';
import { ProblemError } from '../http/problem.js';
import { TaskChanges } from '../tasks/task-changes.service.js';
import { CatchUp } from '../archive/catch-up.service.js';
import { OperationRecords } from './operation-records.service.js';
import { UNDOABLE } from './operations.schema.js';
import type { Operation } from './operations.schema.js';
import { Operations } from './operations.service.js';
import type { Started } from './operations.service.js';
import { SwiftChanges } from './swift-changes.service.js';
import { Targets } from './targets.service.js';
import type { Target } from './targets.service.js';

/** Gives back what an operation has cancelled: those of its tasks that are still as it left them. */
@Injectable()
export class Undo {
  constructor(
    private readonly records: OperationRecords,
    private readonly operations: Operations,
    private readonly targets: Targets,
    private readonly catchUp: CatchUp,
    private readonly swift: SwiftChanges,
    private readonly changes: TaskChanges,
  ) {}

  /**
   * Begins it, as an operation of its own.
   *
   * @throws ProblemError `operation/not-found`, or `operation/not-undoable` with why
   */
  async start(operationId: string, by: Origin, gone?: AbortSignal): Promise<Started> {
    const undone = await this.records.get(operationId);
    refuseUnlessUndoable(undone);
    // Its gateway may only have been silent: it must not go on while this gives back.
    await this.records.askToStop(operationId, by.actor);
    await this.catchUp.untilNow();
    const filter = { operation: operationId, status: ['REVOKED'] as const };
    return this.operations.start(
      {
        action: 'undo',
        wish: { undoes: operationId },
        targets: (tally) => this.targets.find({ filter, limit: Infinity, withParameters: true }, tally),
        act: (target) => this.#restore(target, operationId, by),
      },
      by,
      gone,
    );
  }

  async #restore(target: Target, operation: string, by: Origin): Promise<void> {
    const command: Command = { type: 'restore', operation };
    if (await this.swift.change(target, command, by, ANYHOW)) return;
    await this.changes.change(target.row.id, command, by);
  }
}

/** The command itself looks whether the task is still as the operation left it. */
const ANYHOW = (_before: ExistingTask): void => undefined;

function refuseUnlessUndoable({ action, status, operation_id, undo_until }: Operation): void {
  if (!UNDOABLE.has(action))
    throw notUndoable(`What a ${action} did cannot be undone; only a cancel or a purge can.`);
  if (status === 'running' || undo_until === null)
    throw notUndoable(`It still runs. Stop it first: DELETE /operations/${operation_id}.`);
  if (Date.now() > Date.parse(undo_until))
    throw notUndoable(`It could be undone until ${undo_until}. Submit its tasks anew.`);
}

const notUndoable = (detail: string): ProblemError => new ProblemError('operation/not-undoable', detail);
