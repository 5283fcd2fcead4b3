import { pageParts } from './task-list.js';
import type { PageQuery, TaskListOptions } from './task-list.js';

/**
 * One page of the tasks that have failed in one way, in the order of their submission: from the failures in that order, so that no more
 * tasks are looked up than the page needs. A task may have failed so several times.
 */
export function failedQuery(columns: string, { fingerprint, ...options }: TaskListOptions): PageQuery {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const { conditions, beyond, order, rows } = pageParts(options, bind);
  const keys = ['submission', 'task_id'];
  const hits = [`fingerprint = ${bind(fingerprint)}`, ...(beyond ? [beyond(keys)] : [])];
  const { submitted_after, submitted_before } = options;
  if (submitted_after !== undefined) hits.push(`submission >= ${bind(submitted_after)}::timestamptz`);
  if (submitted_before !== undefined) hits.push(`submission < ${bind(submitted_before)}::timestamptz`);
  // The failures of a task that had the id before are none of the one that has it now.
  const found = ['id = task_id', 'submitted_at = submission', ...conditions];
  const sql = `
    SELECT found.* FROM (
      SELECT DISTINCT submission, task_id FROM failures WHERE ${hits.join(' AND ')} ${order(keys)} OFFSET 0
    ) AS hits
    CROSS JOIN LATERAL (SELECT ${columns} FROM tasks WHERE ${found.join(' AND ')} OFFSET 0) AS found
    ${order(keys)} LIMIT ${rows}`;
  return { sql, values };
}

/** Whether the failures are there in the order of the list. */
export const isByFailures = ({ fingerprint, sort }: TaskListOptions): boolean =>
  fingerprint !== undefined && (sort === undefined || sort.endsWith('submitted_at'));
