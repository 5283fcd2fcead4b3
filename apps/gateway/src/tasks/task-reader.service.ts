import { Injectable } from '@nestjs/common';
import { TaskRefusal, isId } from '@millrace/domain';
import type { ExistingTask, Fact, Progress, RunningTask, TaskState } from '@millrace/domain';
import { TaskLog, decodeFact, progressSchema, subjects } from '@millrace/log';
import { attemptsOf, stateOf } from '@millrace/read-model';
import type { TaskAttempt, TaskRow } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import { ProblemError } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import { LogWatch } from '../log/log-watch.js';
import { NO_TRACES, eventOf, noticeOf, optionsOf, originOf, summaryOf, summaryOfRow } from './task-view.js';
import type { TaskTraces } from './task-view.js';
import type { TaskEventView, TaskStatusView, TaskView } from './task-view.schema.js';

/** A status must not wait for a slow Postgres only to say how many tasks are ahead. */
const POSITION_WITHIN_MS = 300;

/** Reads single tasks: from the log, which knows what was written this instant; what has left it, from the archive. */
@Injectable()
export class TaskReader {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
    private readonly watch: LogWatch,
    private readonly archive: Archive,
  ) {}

  async status(taskId: string): Promise<TaskStatusView> {
    const state = await this.inLog(taskId);
    if (state.phase === 'none')
      return { ...summaryOfRow(await this.archived(taskId), Date.now()), position: null };
    const [traces, position] = await Promise.all([this.#tracesOf(state), this.#positionOf(state)]);
    return { ...summaryOf(state, traces, Date.now()), position };
  }

  async task(taskId: string): Promise<TaskView> {
    const state = await this.inLog(taskId);
    return state.phase === 'none' ? this.#archivedTask(taskId) : this.#liveTask(state);
  }

  /** The whole history: the archive, and what it has not yet from the log. Without Postgres, what the log has. */
  async events(taskId: string): Promise<TaskEventView[]> {
    return (await this.facts(taskId)).map(eventOf);
  }

  /** The facts behind {@link events}. */
  async facts(taskId: string): Promise<Fact[]> {
    const [state, archived] = await Promise.all([
      this.inLog(taskId),
      this.archive.facts.ofTask(taskId).catch(withoutArchive([] as Fact[])),
    ]);
    const queue = state.phase === 'none' ? archived.at(-1)?.queue : state.queue;
    if (queue === undefined) throw notFound(taskId);
    const after = archived.at(-1)?.sequence ?? 0;
    const tail = await this.log.read.history({ queue, task_id: taskId }, { after });
    return [...archived, ...tail];
  }

  /** The state of a task in the log; none when it was never there, or has left it. */
  async inLog(taskId: string): Promise<TaskState> {
    if (!isId(taskId)) throw notFound(taskId);
    await this.gate.pass();
    return this.log.read.task({ task_id: taskId });
  }

  /**
   * The row of a task that the log does not have.
   *
   * @throws TaskRefusal `task/not-found`
   */
  async archived(taskId: string): Promise<TaskRow> {
    // Nothing has left the log so far: no need to ask, and no need for Postgres.
    const row = (await this.watch.hasForgottenByNow()) ? await this.archive.tasks.get(taskId) : undefined;
    if (!row) throw notFound(taskId);
    return row;
  }

  /** What the attempt said last: live once a second, in the log more rarely. */
  async progressOf(state: RunningTask): Promise<Progress | null> {
    const payload = await this.log.read.liveProgress({ queue: state.queue, task_id: state.id });
    const live =
      payload === undefined ? undefined : (JSON.parse(payload) as { token?: number; progress?: unknown });
    if (live?.token !== state.run.token) return state.progress ?? null;
    const read = progressSchema.safeParse(live.progress);
    return read.success ? (read.data as Progress) : (state.progress ?? null);
  }

  async #liveTask(state: ExistingTask): Promise<TaskView> {
    const [traces, position, attempts, parameters, branches] = await Promise.all([
      this.#tracesOf(state),
      this.#positionOf(state),
      this.#attemptsOf(state),
      state.phase === 'cleaned' ? null : this.log.read.parametersOf(state).catch(() => null),
      this.#branchesOf(state.id),
    ]);
    return {
      ...summaryOf(state, traces, Date.now()),
      position,
      parameters,
      result: state.phase === 'succeeded' ? state.result : null,
      notice: noticeOf(state),
      options: optionsOf(state.spec),
      attempts,
      branched_from: originOf(state.spec),
      branches,
    };
  }

  async #archivedTask(taskId: string): Promise<TaskView> {
    const row = await this.archived(taskId);
    const state = stateOf(row);
    return {
      ...summaryOfRow(row, Date.now()),
      position: null,
      parameters: row.parameters ?? null,
      result: row.result ?? null,
      notice: noticeOf(state),
      options: optionsOf(state.spec),
      attempts: await this.archive.tasks.attempts(taskId),
      branched_from: originOf(state.spec),
      branches: await this.#branchesOf(taskId),
    };
  }

  #branchesOf(taskId: string): Promise<string[]> {
    return this.archive.tasks.branches(taskId).catch(withoutArchive([] as string[]));
  }

  async #attemptsOf(state: ExistingTask): Promise<TaskAttempt[]> {
    return state.attempts.begun === 0 ? [] : attemptsOf(await this.facts(state.id));
  }

  async #tracesOf(state: ExistingTask): Promise<TaskTraces> {
    if (state.phase === 'running')
      return {
        worker: state.run.worker,
        started_at: state.started_at,
        progress: await this.progressOf(state),
      };
    if (state.attempts.begun === 0) return NO_TRACES;
    const [started, progress] = await Promise.all([
      this.#lastOf(state, 'started'),
      this.#lastOf(state, 'progress'),
    ]);
    if (started?.kind !== 'started') return NO_TRACES;
    const isOfLast = progress?.kind === 'progress' && progress.data.run.token === started.sequence;
    return {
      worker: started.data.worker,
      started_at: started.at,
      progress: isOfLast ? progress.data.progress : null,
    };
  }

  async #lastOf({ queue, id }: ExistingTask, kind: 'started' | 'progress'): Promise<Fact | undefined> {
    const message = await this.log.read.lastOn(subjects.fact({ queue, task_id: id }, kind));
    return message && decodeFact(message.subject, message.sequence, message.payload);
  }

  async #positionOf(state: ExistingTask): Promise<number | null> {
    if (state.phase !== 'ready') return null;
    const ahead = await Promise.race([
      this.archive.tasks.position(state.id).catch(withoutArchive(null)),
      new Promise<null>((resolve) => setTimeout(resolve, POSITION_WITHIN_MS, null).unref()),
    ]);
    return ahead ?? null;
  }
}

export const notFound = (taskId: string): TaskRefusal =>
  new TaskRefusal('task/not-found', `There is no task with the id ${taskId}.`);

/** Puts a value in the place of what only Postgres could tell. */
const withoutArchive =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (error instanceof ProblemError && error.code === 'archive/unavailable') return instead;
    throw error;
  };
