import type { Database } from '../database/database.js';
import { SUMMARY_COLUMNS, parsedRow } from '../tasks/task.columns.js';
import type { StoredRow } from '../tasks/task.columns.js';
import type { TaskSummary } from '../tasks/task.entity.js';

/** Until when a task must have ended to be due; null: it is never due. */
export type DueBefore = string | null;

/** By what failed and cancelled tasks are due. The queue counts before the name, the name before the rest. */
export interface DueRules {
  byQueue: ReadonlyMap<string, DueBefore>;
  byTask: ReadonlyMap<string, DueBefore>;
  others: DueBefore;
  /** What an operation has cancelled is not due before this. */
  undoable: string;
}

/** Part of the tasks. */
export interface CleanupFilter {
  queue?: string | undefined;
  task_name?: string | undefined;
}

/** Behind the last task of the page before. */
export type DueCursor = Pick<TaskSummary, 'finished_at' | 'id'>;

/** Finds ended tasks that are due to be cleaned up, the oldest ends first. A find is a suspicion: the policy judges each, the log decides. */
export class CleanupQueries {
  constructor(private readonly database: Database) {}

  /** Failed and cancelled tasks. */
  async due(
    rules: DueRules,
    { queue, task_name }: CleanupFilter,
    limit: number,
    after?: DueCursor,
  ): Promise<TaskSummary[]> {
    const stored = await this.database.rows<StoredRow<TaskSummary>>(
      `SELECT ${columnsOf('task')} FROM tasks AS task
       LEFT JOIN unnest($1::text[], $2::timestamptz[]) AS by_queue (queue, before) ON by_queue.queue = task.queue
       LEFT JOIN unnest($3::text[], $4::timestamptz[]) AS by_task (name, before) ON by_task.name = task.name
       WHERE task.phase IN ('failed', 'cancelled') AND task.finished_at < $5
         AND task.finished_at < CASE
           WHEN by_queue.queue IS NOT NULL THEN by_queue.before
           WHEN by_task.name IS NOT NULL THEN by_task.before
           ELSE $6::timestamptz END
         AND (task.operation IS NULL OR task.finished_at < $7)
         AND ($8::text IS NULL OR task.queue = $8) AND ($9::text IS NULL OR task.name = $9)
         AND ($10::timestamptz IS NULL OR (task.finished_at, task.id) > ($10, $11))
       ORDER BY task.finished_at, task.id LIMIT $12`,
      [
        ...arraysOf(rules.byQueue),
        ...arraysOf(rules.byTask),
        latestOf(rules),
        rules.others,
        rules.undoable,
        queue,
        task_name,
        after?.finished_at,
        after?.id,
        limit,
      ],
    );
    return stored.map((row) => parsedRow<TaskSummary>(row));
  }

  /** Tasks of a queue that succeeded before a time. */
  async succeeded(
    queue: string,
    before: string,
    { task_name }: CleanupFilter,
    limit: number,
    after?: DueCursor,
  ): Promise<TaskSummary[]> {
    const stored = await this.database.rows<StoredRow<TaskSummary>>(
      `SELECT ${SUMMARY_COLUMNS} FROM tasks
       WHERE phase = 'succeeded' AND queue = $1 AND finished_at < $2 AND ($3::text IS NULL OR name = $3)
         AND ($4::timestamptz IS NULL OR (finished_at, id) > ($4, $5))
       ORDER BY finished_at, id LIMIT $6`,
      [queue, before, task_name, after?.finished_at, after?.id, limit],
    );
    return stored.map((row) => parsedRow<TaskSummary>(row));
  }

  /** Which of the tasks will never run again: they succeeded, or were cleaned up. */
  async over(ids: readonly string[], { queue, task_name }: CleanupFilter): Promise<string[]> {
    const rows = await this.database.rows<{ id: string }>(
      `SELECT id FROM tasks WHERE id = ANY ($1::text[]) AND phase IN ('succeeded', 'cleaned')
         AND ($2::text IS NULL OR queue = $2) AND ($3::text IS NULL OR name = $3)`,
      [ids, queue, task_name],
    );
    return rows.map(({ id }) => id);
  }
}

const columnsOf = (alias: string): string => SUMMARY_COLUMNS.replaceAll(/\w+/g, `${alias}.$&`);

const arraysOf = (rules: ReadonlyMap<string, DueBefore>): [string[], DueBefore[]] => [
  [...rules.keys()],
  [...rules.values()],
];

/** Nothing that ended later is due, by whatever rule: where the walk of the index ends. */
const latestOf = ({ byQueue, byTask, others }: DueRules): DueBefore =>
  [...byQueue.values(), ...byTask.values(), others].reduce(
    (latest, before) => (before !== null && (latest === null || before > latest) ? before : latest),
    null,
  );
