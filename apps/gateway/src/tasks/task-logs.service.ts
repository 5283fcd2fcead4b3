import { Injectable } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import { TaskReader } from './task-reader.service.js';
import type { ListTaskLogs, TaskLogs } from './task-logs.schema.js';

/** What the handlers of tasks have logged. */
@Injectable()
export class TaskLogLines {
  constructor(
    private readonly log: TaskLog,
    private readonly reader: TaskReader,
  ) {}

  /** @throws TaskRefusal `task/not-found` */
  async page(taskId: string, { after, limit }: ListTaskLogs): Promise<TaskLogs> {
    const state = await this.reader.inLog(taskId);
    const { queue } = state.phase === 'none' ? await this.reader.archived(taskId) : state;
    const items = await this.log.read.logLines({ queue, task_id: taskId }, after, limit);
    return { items, next: items.at(-1)?.sequence ?? after };
  }
}
