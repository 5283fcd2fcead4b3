import { Injectable } from '@nestjs/common';
import { Archive } from '../archive/archive.js';
import { PastTasks } from './past-tasks.service.js';
import type { ListTasks } from './list-tasks.schema.js';
import { summaryOfRow } from './task-view.js';
import type { TaskList } from './task-view.schema.js';

/** Lists come from Postgres alone. */
@Injectable()
export class TaskLists {
  constructor(
    private readonly archive: Archive,
    private readonly past: PastTasks,
  ) {}

  async page({ at, ...query }: ListTasks): Promise<TaskList> {
    if (at !== undefined) return this.past.page({ ...query, at });
    // Asked first, so that the page is never older than it says.
    const { sequence, lag_ms } = await this.archive.tasks.projection();
    const { items, next_cursor } = await this.archive.tasks.list(query);
    const now = Date.now();
    return {
      items: items.map((row) => summaryOfRow(row, now)),
      next_cursor,
      projection: { sequence, lag_ms },
    };
  }
}
