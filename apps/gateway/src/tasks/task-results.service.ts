import { Injectable } from '@nestjs/common';
import { cleanedUp, hasEnded, statusOf } from '@millrace/domain';
import type { CleanedTask } from '@millrace/domain';
import { stateOf } from '@millrace/read-model';
import { ProblemError } from '../http/problem.js';
import { TaskEnds } from './task-ends.service.js';
import { TaskReader } from './task-reader.service.js';
import { resultOf } from './task-view.js';
import type { TaskNotEnded, TaskResult } from './task-view.schema.js';

const LONG_SECONDS = 3_600;

/** Results, for whoever waits for them. */
@Injectable()
export class TaskResults {
  constructor(
    private readonly reader: TaskReader,
    private readonly ends: TaskEnds,
  ) {}

  /** @param gone aborts when the client has gone away */
  async await(taskId: string, timeoutSeconds: number, gone: AbortSignal): Promise<TaskResult | TaskNotEnded> {
    const first = await this.reader.inLog(taskId);
    if (first.phase === 'none') return this.#archived(taskId);
    const state = await this.ends.until(first, timeoutSeconds * 1000, { gone });
    if (state.phase === 'cleaned') throw goneWith(state);
    return hasEnded(state) ? resultOf(state) : { task_id: taskId, status: statusOf(state) };
  }

  /** Waits for the end itself, however long that takes: what has not ended is answered only to nobody, or by a gateway that stops. */
  async awaitEnd(taskId: string, gone: AbortSignal): Promise<TaskResult | TaskNotEnded> {
    for (;;) {
      const result = await this.await(taskId, LONG_SECONDS, gone);
      if ('result' in result || gone.aborted || this.ends.isStopping) return result;
    }
  }

  /** What has left the log has ended. */
  async #archived(taskId: string): Promise<TaskResult> {
    const state = stateOf(await this.reader.archived(taskId));
    if (state.phase === 'cleaned') throw goneWith(state);
    return resultOf(state);
  }
}

const goneWith = (state: CleanedTask): ProblemError =>
  new ProblemError('task/cleaned', cleanedUp(state).message);
