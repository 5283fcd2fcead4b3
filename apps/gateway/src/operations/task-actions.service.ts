import { Inject, Injectable } from '@nestjs/common';
import { statusOf } from '@millrace/domain';
import type { Command, ExistingTask, TaskStatus } from '@millrace/domain';
import type { Logger } from '@millrace/runtime';
import type { Origin } from '../auth/caller.decorator.js';
import { LOGGER } from '../gateway.constants.js';
import { TaskChanges } from '../tasks/task-changes.service.js';
import type { Check } from '../tasks/task-changes.service.js';
import { PauseTask } from '../tasks/task-commands.schema.js';
import { TaskCommands } from '../tasks/task-commands.service.js';
import { TaskPauses } from '../tasks/task-pauses.service.js';
import { Operations } from './operations.service.js';
import type { Ended, Started } from './operations.service.js';
import { SwiftChanges, judgeRow } from './swift-changes.service.js';
import { MovedOn, Tally } from './tally.js';
import type { TaskAction, TaskActionDone } from './task-actions.schema.js';
import { Targets } from './targets.service.js';
import type { Target } from './targets.service.js';
import { workThrough } from './work-through.js';

type ActionName = TaskAction['action'];

const WAITING: readonly TaskStatus[] = ['PENDING', 'RETRY'];
const UNFINISHED: readonly TaskStatus[] = ['PENDING', 'STARTED', 'PROCESSING', 'RETRY'];
/** Where an action makes sense. */
const STATUSES_OF: Record<ActionName, readonly TaskStatus[]> = {
  retry: ['FAILURE'],
  resume: ['PAUSED'],
  cancel: [...UNFINISHED, 'PAUSED'],
  pause: UNFINISHED,
  priority: WAITING,
  'move-to-front': ['PENDING'],
};

/** Does one thing to all tasks that a filter finds: the read model finds them, the log decides each of them. */
@Injectable()
export class TaskActions {
  constructor(
    private readonly targets: Targets,
    private readonly operations: Operations,
    private readonly swift: SwiftChanges,
    private readonly changes: TaskChanges,
    private readonly commands: TaskCommands,
    private readonly pauses: TaskPauses,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Begins it; see {@link Operations.start}. */
  start(action: TaskAction, by: Origin, gone?: AbortSignal): Promise<Started> {
    const { limit: _limit, dry_run: _dry, background: _background, ...wish } = action;
    const check = refuseOthers(statusesOf(action));
    return this.operations.start(
      {
        action: action.action,
        wish,
        ratePerSecond: action.rate_per_second,
        targets: (tally) => this.#find(action, tally),
        act: (target, operationId) => this.#act(action, target, operationId, by, check),
      },
      by,
      gone,
    );
  }

  /** Looks what would be done. */
  async rehearse(action: TaskAction, gone: AbortSignal): Promise<TaskActionDone> {
    const tally = new Tally(this.logger);
    const act = (target: Target): Promise<void> => {
      judgeRow(target, commandOf(action, 'rehearsal', 'nobody'));
      return Promise.resolve();
    };
    const stop = AbortSignal.any([gone, this.operations.stopping]);
    await workThrough({ targets: () => this.#find(action, tally), act }, tally, stop);
    tally.throwIfNothingCame();
    // The log was not asked: nothing was done.
    const { matched, refused: refused_count, has_more } = tally.counts;
    const stopped = tally.failure ?? null;
    return { operation_id: null, matched, done: 0, refused: tally.refused, refused_count, has_more, stopped };
  }

  #find(action: TaskAction, tally: Tally): ReturnType<Targets['find']> {
    const filter = { ...action.filter, status: statusesOf(action) };
    const withParameters = action.action !== 'cancel';
    return this.targets.find({ filter, limit: action.limit, withParameters }, tally);
  }

  async #act(
    action: TaskAction,
    target: Target,
    operationId: string,
    by: Origin,
    check: Check,
  ): Promise<void> {
    const command = commandOf(action, operationId, by.actor);
    if (await this.swift.change(target, command, by, check)) return;
    const { id } = target.row;
    if (command.type === 'cancel') await this.commands.cancel(id, by, check, operationId);
    else if (command.type === 'pause') await this.pauses.pause(id, PauseTask.parse(undefined), by, check);
    else await this.changes.change(id, command, by, check);
  }
}

/** The answer to an action that was waited for. */
export const doneOf = ({ operation, refused }: Ended): TaskActionDone => ({
  operation_id: operation.operation_id,
  matched: operation.matched,
  done: operation.done,
  refused,
  refused_count: operation.refused,
  has_more: operation.has_more,
  stopped: operation.stopped,
});

const statusesOf = ({ action, filter }: TaskAction): readonly TaskStatus[] =>
  filter.status ?? STATUSES_OF[action];

/** The read model may be behind. */
const refuseOthers =
  (statuses: readonly TaskStatus[]): Check =>
  (state: ExistingTask) => {
    const status = statusOf(state);
    if (!statuses.includes(status))
      throw new MovedOn(`The task is ${status} by now; the filter asks for ${statuses.join(', ')}.`);
  };

function commandOf(action: TaskAction, operation: string, actor: string): Command {
  switch (action.action) {
    case 'retry':
      return { type: 'retry', from_start: action.from_start };
    case 'resume':
      return { type: 'resume' };
    case 'cancel':
      return { type: 'cancel', operation };
    case 'pause':
      return { type: 'pause', reason: `asked by ${actor}` };
    case 'priority':
      return { type: 'change-priority', priority: action.priority ?? 0 };
    case 'move-to-front':
      return { type: 'move-to-front' };
  }
}
