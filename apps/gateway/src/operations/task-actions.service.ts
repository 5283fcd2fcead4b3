import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { decide, statusOf } from '@millrace/domain';
import type { Command, ExistingTask, TaskStatus } from '@millrace/domain';
import { TaskLog } from '@millrace/log';
import { stateOf } from '@millrace/read-model';
import type { TaskSummary } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import { Archive } from '../archive/archive.js';
import type { Origin } from '../auth/caller.decorator.js';
import { LOGGER } from '../gateway.constants.js';
import { internalProblem, problemOf } from '../http/problem-of.js';
import { Pace } from './pace.js';
import type { TaskAction, TaskActionDone } from './task-actions.schema.js';
import { DEADLINE_MS } from './task-changes.service.js';
import type { Check } from './task-changes.service.js';
import { PauseTask } from './task-commands.schema.js';
import { TaskCommands } from './task-commands.service.js';
import { TaskPauses } from './task-pauses.service.js';

type ActionName = TaskAction['action'];

const PAGE = 500;
const AT_ONCE = 20;
const REFUSED_SHOWN = 1_000;
const UNAVAILABLE = 503;

const UNFINISHED: readonly TaskStatus[] = ['PENDING', 'STARTED', 'PROCESSING', 'RETRY'];
/** Where an action makes sense. */
const STATUSES_OF: Record<ActionName, readonly TaskStatus[]> = {
  retry: ['FAILURE'],
  resume: ['PAUSED'],
  cancel: [...UNFINISHED, 'PAUSED'],
  pause: UNFINISHED,
};

/**
 * Does one thing to many tasks: the read model finds them, page by page, and the log decides each of them, as if it was asked for alone.
 * What was submitted after the request is left out, so that it comes to an end; a task that comes back meanwhile is not found twice.
 */
@Injectable()
export class TaskActions implements BeforeApplicationShutdown {
  readonly #stopping = new AbortController();

  constructor(
    private readonly log: TaskLog,
    private readonly archive: Archive,
    private readonly commands: TaskCommands,
    private readonly pauses: TaskPauses,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Whoever waits is told what was done by now. */
  beforeApplicationShutdown(): void {
    this.#stopping.abort('The gateway is stopping.');
  }

  /**
   * @param gone aborts when the client has gone away: nothing more is begun then
   * @throws ProblemError when Postgres or the log is away and nothing was done
   */
  async act(action: TaskAction, by: Origin, gone: AbortSignal): Promise<TaskActionDone> {
    const tally = new Tally();
    const statuses = action.filter.status ?? STATUSES_OF[action.action];
    const stop = AbortSignal.any([gone, this.#stopping.signal, tally.failed.signal]);
    const found = this.#find(action, statuses, tally);
    const pace = new Pace(action.dry_run ? undefined : action.rate_per_second);
    const workThrough = async (): Promise<void> => {
      for (;;) {
        const { value: row, done } = await found.next();
        if (done) return;
        await pace.turn(stop);
        if (stop.aborted) {
          tally.hasMore = true;
          return;
        }
        await this.#actOn(row, action, statuses, by, tally);
      }
    };
    const workers = await Promise.allSettled(Array.from({ length: AT_ONCE }, workThrough));
    for (const worker of workers) if (worker.status === 'rejected') tally.fail(worker.reason);
    const done = tally.result(this.#stopping.signal.aborted ? String(this.#stopping.signal.reason) : null);
    if (!action.dry_run) await this.#note(action, done, by);
    return done;
  }

  /** In the order of their submission: a task keeps its place, whatever becomes of it. */
  async *#find(
    { filter, limit }: TaskAction,
    status: readonly TaskStatus[],
    tally: Tally,
  ): AsyncGenerator<TaskSummary, undefined> {
    const now = new Date().toISOString();
    const given = filter.submitted_before;
    const submitted_before = given !== undefined && Date.parse(given) < Date.parse(now) ? given : now;
    let left = limit;
    for (let cursor: string | undefined; ;) {
      const page = await this.archive.list({
        ...filter,
        status,
        submitted_before,
        sort: 'submitted_at',
        limit: PAGE,
        ...(cursor !== undefined && { cursor }),
      });
      for (const row of page.items.slice(0, left)) yield row;
      tally.hasMore ||= page.items.length > left || (page.items.length === left && page.next_cursor !== null);
      left -= page.items.length;
      if (left <= 0 || page.next_cursor === null) return undefined;
      cursor = page.next_cursor;
    }
  }

  async #actOn(
    row: TaskSummary,
    action: TaskAction,
    statuses: readonly TaskStatus[],
    by: Origin,
    tally: Tally,
  ): Promise<void> {
    tally.matched++;
    try {
      if (action.dry_run) {
        decide(commandOf(action), stateOf({ ...row, parameters: undefined, result: undefined }), NOW);
        return;
      }
      await this.#do(action, row.id, by, (state) => refuseOthers(state, statuses));
      tally.done++;
    } catch (error) {
      const foreseen = error instanceof MovedOn ? undefined : problemOf(error)?.body;
      if (foreseen?.status === UNAVAILABLE) {
        tally.matched--;
        tally.fail(error);
      } else if (error instanceof MovedOn) tally.refuse(row.id, error.message);
      else {
        if (!foreseen) this.logger.error({ err: error, task_id: row.id }, 'An action on a task failed');
        tally.refuse(row.id, (foreseen ?? internalProblem().body).detail);
      }
    }
  }

  #do({ action, from_start }: TaskAction, taskId: string, by: Origin, check: Check): Promise<object> {
    switch (action) {
      case 'retry':
        return this.commands.retry(taskId, from_start, by, check);
      case 'resume':
        return this.commands.resume(taskId, by, check);
      case 'cancel':
        return this.commands.cancel(taskId, by, check);
      case 'pause':
        return this.pauses.pause(taskId, PauseTask.parse(undefined), by, check);
    }
  }

  /** The facts of the tasks say who did it, each by itself: a note that fails takes nothing back. */
  async #note(
    { action, filter, from_start, rate_per_second }: TaskAction,
    { matched, done, refused_count, has_more, stopped }: TaskActionDone,
    by: Origin,
  ): Promise<void> {
    const wish = { action, filter, from_start, rate_per_second };
    const outcome = { matched, done, refused: refused_count, has_more, stopped };
    const note = { at: new Date().toISOString(), actor: by.actor, ...wish, ...outcome };
    try {
      await this.log.note('task', 'bulk', note, { deadlineMs: DEADLINE_MS });
    } catch (error) {
      this.logger.warn({ err: error, ...note }, 'An action on many tasks could not be noted');
    }
  }
}

/** What has come of an action so far. */
class Tally {
  matched = 0;
  done = 0;
  hasMore = false;
  readonly failed = new AbortController();
  readonly #refused: TaskActionDone['refused'] = [];
  #refusedCount = 0;
  #failure: { error: unknown; detail: string } | undefined;

  refuse(task_id: string, detail: string): void {
    this.#refusedCount++;
    if (this.#refused.length < REFUSED_SHOWN) this.#refused.push({ task_id, detail });
  }

  /** What the next task would fail with, too. */
  fail(error: unknown): void {
    this.#failure ??= { error, detail: (problemOf(error) ?? internalProblem()).body.detail };
    this.hasMore = true;
    this.failed.abort();
  }

  /** @throws the failure when it was all that came of it */
  result(stopped: string | null): TaskActionDone {
    if (this.#failure && this.matched === 0) throw this.#failure.error;
    return {
      matched: this.matched,
      done: this.done,
      refused: this.#refused,
      refused_count: this.#refusedCount,
      has_more: this.hasMore,
      stopped: this.#failure?.detail ?? stopped,
    };
  }
}

class MovedOn extends Error {}

/** The read model may be behind. */
function refuseOthers(state: ExistingTask, statuses: readonly TaskStatus[]): void {
  const status = statusOf(state);
  if (!statuses.includes(status))
    throw new MovedOn(`The task is ${status} by now; the filter asks for ${statuses.join(', ')}.`);
}

/** Only whether it is allowed is asked: time and chance change nothing in that. */
const NOW = { now: 0, random: 0 };

function commandOf({ action, from_start }: TaskAction): Command {
  switch (action) {
    case 'retry':
      return { type: 'retry', from_start };
    case 'resume':
      return { type: 'resume' };
    case 'cancel':
      return { type: 'cancel' };
    case 'pause':
      return { type: 'pause', reason: 'asked' };
  }
}
