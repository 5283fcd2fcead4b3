import type { Database } from '../database/database.js';
import {
  isIndexed,
  lookupConditions,
  matchConditions,
  textConditions,
  walkedConditions,
} from '../search/task-search.js';
import type { TaskSearch } from '../search/task-search.js';
import { failedTasks, isByFailures, submittedWithin } from './failed-page.js';
import { listedTasks, pageOrder, pageParts, written } from './task-list.js';
import type { PageQuery, TaskListOptions } from './task-list.js';

/** Tasks that are looked at one by one before the index is asked: what is frequent is found among them. */
const LOOKED_AT_FIRST = 2_000;
/** Where no more are expected, the index is asked at once. Of a word that few tasks have, Postgres expects some thousands of hits. */
const FEW_HITS = 20_000;

/** The rows of one page of a search, one more if there is a next one. */
export async function searchRows<Row extends object>(
  database: Database,
  columns: string,
  options: TaskListOptions,
  search: TaskSearch,
): Promise<Row[]> {
  const ask = <Answer extends object>({ sql, values }: PageQuery): Promise<Answer[]> =>
    database.rows<Answer>(sql, values);
  if (search.hits > FEW_HITS) {
    const first = await ask<Row & LookedAt>(firstQuery(columns, options, search));
    const found = first.filter(({ id }) => id !== null);
    const wereAll = (first[0]?.looked_at ?? 0) < LOOKED_AT_FIRST;
    if (found.length > options.limit || wereAll) return found;
  }
  return ask<Row>(indexQuery(columns, options, search));
}

/** Of the first query. A row without a task tells only how many were looked at. */
interface LookedAt {
  looked_at: number;
  id: string | null;
}

/**
 * What is found among the first tasks of the list. A word that every tenth task has fills a page from them, for which the index would have
 * to sort a tenth of all tasks; and few tasks that the rest of the filter leaves over are looked at faster than looked up.
 */
const firstQuery = (columns: string, options: TaskListOptions, search: TaskSearch): PageQuery =>
  written((bind) => {
    const first = (isByFailures(options) ? failedTasks : listedTasks)('*', options, LOOKED_AT_FIRST, bind);
    const { keys, order, rows } = pageOrder(options);
    const walked = walkedConditions(search, bind).join(' AND ');
    const indexed = [...matchConditions(search, bind), ...textConditions(search, bind)].join(' AND ');
    const isFound = isIndexed(search)
      ? `CASE WHEN sequence <= ${bind(search.indexedUpTo)} THEN ${indexed} ELSE ${walked} END`
      : walked;
    return `
    WITH first AS MATERIALIZED (${first}), found AS (
      SELECT ${columns} FROM first LEFT JOIN task_search ON task_id = id WHERE ${isFound} ${order(keys)} LIMIT ${rows}
    )
    SELECT * FROM (SELECT count(*) AS looked_at FROM first) AS counted LEFT JOIN found ON true ${order(keys)}`;
  });

/** What is found in the index, and among the tasks that are not there yet: nothing is missed. */
const indexQuery = (columns: string, options: TaskListOptions, search: TaskSearch): PageQuery =>
  written((bind) => {
    const { conditions, keys, beyond, order, rows } = pageParts(options, bind);
    const here = [...conditions, ...(beyond ? [beyond(keys)] : [])];
    const walked = [...here, ...walkedConditions(search, bind)];
    if (!isIndexed(search))
      return `SELECT ${columns} FROM tasks WHERE ${walked.join(' AND ')} ${order(keys)} LIMIT ${rows}`;
    const upTo = bind(search.indexedUpTo);
    const isBySubmission = keys[0] === 'submitted_at';
    const keysOfHits = isBySubmission ? ['submission', 'task_id'] : keys;
    const hits = [...lookupConditions(search, bind), ...submittedWithin(options, bind)];
    const indexed = [...conditions, `sequence <= ${upTo}`, ...textConditions(search, bind)];
    if (beyond) (isBySubmission ? hits : indexed).push(beyond(keysOfHits));
    // In the order of the list first, so that no more of them are looked up than the page needs.
    return `
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
  });
