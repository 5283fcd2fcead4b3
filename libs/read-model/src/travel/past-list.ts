import type { Database } from '../database/database.js';
import { SUMMARY_COLUMNS, parsedRow } from '../tasks/task.columns.js';
import type { StoredRow } from '../tasks/task.columns.js';
import type { TaskRow, TaskSummary } from '../tasks/task.entity.js';
import { pageRows } from '../tasks/page-rows.js';
import { cursorAfter } from '../tasks/task-list.js';
import type { TaskListOptions } from '../tasks/task-list.js';
import { pastTasks } from './past-tasks.js';

/** A list of the past is in the order of submission, and texts and contents are not searched in it. */
export type PastListOptions = Omit<
  TaskListOptions,
  'sort' | 'q' | 'parameters' | 'result' | 'fingerprint'
> & {
  sort?: '-submitted_at' | 'submitted_at' | undefined;
};

export interface PastPage {
  items: TaskSummary[];
  /** Null after the last page. A page may be short, or empty, and not the last: see {@link LOOKED_AT_MOST}. */
  next_cursor: string | null;
}

/** Tasks that one page looks at, at most: which of them match is known only once each is as it was. */
export const LOOKED_AT_MOST = 5_000;
const CHUNK = 500;

/**
 * One page of the tasks as they were. What never changes of a task is found by the indexes; those that moved since are folded from the archive, the
 * others stand in the table as they were.
 *
 * @throws BadCursorError
 */
export async function pastList(
  database: Database,
  at: string,
  { limit, cursor, ...filter }: PastListOptions,
): Promise<PastPage> {
  const { status, worker, reason, error, operation, cleaned = false, ...lasting } = filter;
  const until = new Date(Date.parse(at) + 1).toISOString();
  const submitted_before =
    lasting.submitted_before !== undefined && lasting.submitted_before < until
      ? lasting.submitted_before
      : until;
  const matches = matcher({ status, worker, reason, error, operation, cleaned });
  const items: TaskSummary[] = [];
  let from = cursor;
  for (let looked = 0; looked < LOOKED_AT_MOST; looked += CHUNK) {
    const stored = await pageRows<StoredRow<TaskSummary>>(database, SUMMARY_COLUMNS, {
      ...lasting,
      // It may have been cleaned up since.
      cleaned: true,
      submitted_before,
      limit: CHUNK,
      cursor: from,
    });
    const chunk = stored.slice(0, CHUNK).map((row) => parsedRow<TaskSummary>(row));
    const past = await asTheyWere(database, chunk, at);
    for (const [i, row] of chunk.entries()) {
      from = cursorAfter(row, lasting.sort);
      const task = past[i];
      if (task && matches(task)) items.push(task);
      const isLast = i === chunk.length - 1 && stored.length <= CHUNK;
      if (items.length === limit) return { items, next_cursor: isLast ? null : from };
    }
    if (stored.length <= CHUNK) return { items, next_cursor: null };
  }
  return { items, next_cursor: from ?? null };
}

async function asTheyWere(
  database: Database,
  rows: readonly TaskSummary[],
  at: string,
): Promise<(TaskSummary | undefined)[]> {
  const moment = Date.parse(at);
  const moved = rows.filter((row) => Date.parse(row.updated_at) > moment);
  if (moved.length === 0) return [...rows];
  const past = await pastTasks(database, moved, at);
  return rows.map((row) => {
    if (Date.parse(row.updated_at) <= moment) return row;
    const task = past.get(row.id);
    return task && summaryOf(task);
  });
}

const summaryOf = ({ parameters: _parameters, result: _result, ...summary }: TaskRow): TaskSummary => summary;

type Changing = Pick<PastListOptions, 'status' | 'worker' | 'reason' | 'error' | 'operation' | 'cleaned'>;

function matcher({
  status,
  worker,
  reason,
  error,
  operation,
  cleaned,
}: Changing): (task: TaskSummary) => boolean {
  const statuses = status === undefined ? undefined : new Set([status].flat());
  const is = <T>(wanted: T | undefined, value: T | null | undefined): boolean =>
    wanted === undefined || wanted === value;
  return (task) =>
    (statuses?.has(task.status) ?? true) &&
    is(worker, task.worker) &&
    is(reason, task.reason) &&
    is(operation, task.operation) &&
    (cleaned === true || task.cleaned_at === null) &&
    is(error, task.error?.name);
}
