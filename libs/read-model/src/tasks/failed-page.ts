import type { Bind } from '../search/task-search.js';
import { pageOrder, pageParts, written } from './task-list.js';
import type { PageQuery, TaskListOptions } from './task-list.js';

/** One page of the tasks that have failed in one way. */
export const failedQuery = (columns: string, options: TaskListOptions): PageQuery =>
  written((bind) => failedTasks(columns, options, pageOrder(options).rows, bind));

/**
 * The first tasks of a list that have failed in one way, in the order of their submission: from the failures in that order, so that no more
 * tasks are looked up than are wanted. A task may have failed so several times.
 */
export function failedTasks(
  columns: string,
  { fingerprint, ...options }: TaskListOptions,
  rows: number,
  bind: Bind,
): string {
  const { conditions, beyond, order } = pageParts(options, bind);
  const keys = ['submission', 'task_id'];
  const hits = [
    `fingerprint = ${bind(fingerprint)}`,
    ...(beyond ? [beyond(keys)] : []),
    ...submittedWithin(options, bind),
  ];
  // A failure knows them of its task, and neither changes once it has run.
  if (options.queue !== undefined) hits.push(`queue = ${bind(options.queue)}`);
  if (options.task_name !== undefined) hits.push(`name = ${bind(options.task_name)}`);
  // The failures of a task that had the id before are none of the one that has it now.
  const found = ['id = task_id', 'submitted_at = submission', ...conditions];
  return `
    SELECT found.* FROM (
      SELECT DISTINCT submission, task_id FROM failures WHERE ${hits.join(' AND ')} ${order(keys)} OFFSET 0
    ) AS hits
    CROSS JOIN LATERAL (SELECT ${columns} FROM tasks WHERE ${found.join(' AND ')} OFFSET 0) AS found
    ${order(keys)} LIMIT ${rows}`;
}

/** Whether the failures are there in the order of the list. */
export const isByFailures = ({ fingerprint, sort }: TaskListOptions): boolean =>
  fingerprint !== undefined && (sort === undefined || sort.endsWith('submitted_at'));

/** What the window of a list asks of tables that know the submission of a task. */
export function submittedWithin(
  { submitted_after, submitted_before }: Pick<TaskListOptions, 'submitted_after' | 'submitted_before'>,
  bind: Bind,
): string[] {
  const within: string[] = [];
  if (submitted_after !== undefined) within.push(`submission >= ${bind(submitted_after)}::timestamptz`);
  if (submitted_before !== undefined) within.push(`submission < ${bind(submitted_before)}::timestamptz`);
  return within;
}
