import { Injectable } from '@nestjs/common';
import { TaskRefusal } from '@millrace/domain';
import type { Fact } from '@millrace/domain';
import { attemptsOf, stateOf } from '@millrace/read-model';
import type { TaskRow } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import { Moments, invalidAt } from '../archive/moments.service.js';
import type { ListTasks } from './list-tasks.schema.js';
import { eventOf, noticeOf, optionsOf, originOf, summaryOfRow } from './task-view.js';
import type { TaskEventView, TaskList, TaskStatusView, TaskView } from './task-view.schema.js';

/** Tasks as they were at a moment: what had been decided until then, from the archive alone. */
@Injectable()
export class PastTasks {
  constructor(
    private readonly archive: Archive,
    private readonly moments: Moments,
  ) {}

  async status(taskId: string, at: string): Promise<TaskStatusView> {
    return { ...summaryOfRow(await this.#row(taskId, at), Date.parse(at)), position: null };
  }

  async task(taskId: string, at: string): Promise<TaskView> {
    const row = await this.#row(taskId, at);
    const [facts, branches] = await Promise.all([this.#facts(row), this.archive.tasks.branches(taskId, at)]);
    const state = stateOf(row);
    return {
      ...summaryOfRow(row, Date.parse(at)),
      position: null,
      parameters: row.parameters ?? null,
      result: row.result ?? null,
      notice: noticeOf(state),
      options: optionsOf(state.spec),
      attempts: attemptsOf(facts),
      branched_from: originOf(state.spec),
      branches,
    };
  }

  async events(taskId: string, at: string): Promise<TaskEventView[]> {
    return (await this.#facts(await this.#row(taskId, at))).map(eventOf);
  }

  async page({ at, ...asked }: ListTasks & { at: string }): Promise<TaskList> {
    const { sort, q, parameters, result, fingerprint, ...query } = asked;
    for (const [path, content] of Object.entries({ q, parameters, result, fingerprint }))
      if (content !== undefined)
        throw invalidAt(path, 'cannot be combined with `at`: contents are not searched in the past.');
    if (sort === '-updated_at' || sort === 'updated_at')
      throw invalidAt('sort', 'must be by `submitted_at` when `at` is given.');
    await this.moments.settled(at);
    const { sequence, lag_ms } = await this.archive.tasks.projection();
    const { items, next_cursor } = await this.archive.past.list(at, { ...query, sort });
    return {
      items: items.map((row) => summaryOfRow(row, Date.parse(at))),
      next_cursor,
      projection: { sequence, lag_ms },
    };
  }

  async #row(taskId: string, at: string): Promise<TaskRow> {
    await this.moments.settled(at);
    const row = await this.archive.past.task(taskId, at);
    if (!row) throw new TaskRefusal('task/not-found', `There was no task with the id ${taskId} at ${at}.`);
    return row;
  }

  async #facts({ id, sequence }: TaskRow): Promise<Fact[]> {
    return (await this.archive.facts.ofTask(id)).filter((fact) => fact.sequence <= sequence);
  }
}
