import { isIndexed, matchConditions, textConditions, walkedConditions } from '../search/task-search.js';
import type { Bind, TaskSearch } from '../search/task-search.js';
import { pageParts } from './task-list.js';
import type { PageQuery, TaskListOptions } from './task-list.js';

/** Tasks that are looked at one by one before the index is asked: what is frequent is found among them. */
const LOOKED_AT_FIRST = 2_000;

/** Of the first query. A row without a task tells only how many were looked at. */
export interface LookedAt {
  looked_at: number;
  id: string | null;
}

/** Whether the first tasks of the list were all there are. */
export const wereAll = ([row]: LookedAt[]): boolean => (row?.looked_at ?? 0) < LOOKED_AT_FIRST;

/**
 * What is found among the first tasks of the list. A word that every tenth task has fills a page from them, for which the index would have
 * to sort a tenth of all tasks; and few tasks that the rest of the filter leaves over are looked at faster than looked up.
 */
export function firstQuery(columns: string, options: TaskListOptions, search: TaskSearch): PageQuery {
  const { values, bind } = bindings();
  const { conditions, keys, beyond, order, rows } = pageParts(options, bind);
  const all = [...conditions, ...(beyond ? [beyond(keys)] : [])];
  const walked = walkedConditions(search, bind).join(' AND ');
  const indexed = [...matchConditions(search, bind), ...textConditions(search, bind)].join(' AND ');
  const isFound = isIndexed(search)
    ? `CASE WHEN sequence <= ${bind(search.indexedUpTo)} THEN ${indexed} ELSE ${walked} END`
    : walked;
  const sql = `
    WITH first AS MATERIALIZED (
      SELECT * FROM tasks ${all.length > 0 ? `WHERE ${all.join(' AND ')}` : ''} ${order(keys)} LIMIT ${LOOKED_AT_FIRST}
    ), found AS (
      SELECT ${columns} FROM first LEFT JOIN task_search ON task_id = id WHERE ${isFound} ${order(keys)} LIMIT ${rows}
    )
    SELECT * FROM (SELECT count(*) AS looked_at FROM first) AS counted LEFT JOIN found ON true ${order(keys)}`;
  return { sql, values };
}

/** What is found in the index, and among the tasks that are not there yet: nothing is missed. */
export function indexQuery(columns: string, options: TaskListOptions, search: TaskSearch): PageQuery {
  const { values, bind } = bindings();
  const { conditions, keys, beyond, order, rows } = pageParts(options, bind);
  const here = [...conditions, ...(beyond ? [beyond(keys)] : [])];
  const walked = [...here, ...walkedConditions(search, bind)];
  if (!isIndexed(search))
    return {
      sql: `SELECT ${columns} FROM tasks WHERE ${walked.join(' AND ')} ${order(keys)} LIMIT ${rows}`,
      values,
    };
  const upTo = bind(search.indexedUpTo);
  const isBySubmission = keys[0] === 'submitted_at';
  const keysOfHits = isBySubmission ? ['submission', 'task_id'] : keys;
  const hits = matchConditions(search, bind);
  const indexed = [...conditions, `sequence <= ${upTo}`, ...textConditions(search, bind)];
  if (beyond) (isBySubmission ? hits : indexed).push(beyond(keysOfHits));
  // In the order of the list first, so that no more of them are looked up than the page needs.
  const sql = `
    SELECT * FROM (
      (SELECT found.* FROM (
         SELECT task_id, submission FROM task_search WHERE ${hits.join(' AND ')}
         ${isBySubmission ? order(keysOfHits) : ''} OFFSET 0
       ) AS hits
       CROSS JOIN LATERAL (
         SELECT ${columns} FROM tasks WHERE id = task_id AND ${indexed.join(' AND ')} OFFSET 0
       ) AS found
       ${order(keysOfHits)} LIMIT ${rows})
      UNION ALL
      (SELECT ${columns} FROM tasks WHERE ${[`sequence > ${upTo}`, ...walked].join(' AND ')} ${order(keys)} LIMIT ${rows})
    ) AS found ${order(keys)} LIMIT ${rows}`;
  return { sql, values };
}

function bindings(): { values: unknown[]; bind: Bind } {
  const values: unknown[] = [];
  return { values, bind: (value) => `$${values.push(value)}` };
}
