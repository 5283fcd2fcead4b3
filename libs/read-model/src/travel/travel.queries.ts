import type { Database } from '../database/database.js';
import type { TaskRow } from '../tasks/task.entity.js';
import { pastList } from './past-list.js';
import type { PastListOptions, PastPage } from './past-list.js';
import { pastStanding } from './past-standing.js';
import type { PastStanding } from './past-standing.js';
import { pastTasks } from './past-tasks.js';

/** The read models as they were at a moment: what was decided until then, by the times of the facts, the moment included. */
export class TravelQueries {
  constructor(private readonly database: Database) {}

  /** The row of a task as it was; undefined when it did not exist yet. Reads the facts of the task, and no others. */
  async task(id: string, at: string): Promise<TaskRow | undefined> {
    const rows = await this.database.rows<{ id: string; submitted_at: string }>(
      'SELECT id, submitted_at FROM tasks WHERE id = $1',
      [id],
    );
    return rows.length === 0 ? undefined : (await pastTasks(this.database, rows, at)).get(id);
  }

  /**
   * One page of the tasks that existed.
   *
   * @throws BadCursorError
   */
  list(at: string, options: PastListOptions): Promise<PastPage> {
    return pastList(this.database, at, options);
  }

  /** All measures up to the moment, of one queue or all, by queue and name: how many tasks were in each status, and what had happened. */
  standing(at: string, queue?: string): Promise<PastStanding> {
    return pastStanding(this.database, at, queue);
  }
}
