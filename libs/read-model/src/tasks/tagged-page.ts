import { pageParts } from './task-list.js';
import type { PageQuery, TaskListOptions } from './task-list.js';

/** Tasks that are looked at one by one for a frequent tag: one of some hundreds fills a page from them. */
const LOOKED_AT_FIRST = 20_000;

/** The first tasks of the list that have the tag, among those that are looked at first; fewer than a page tell nothing. */
export function firstTaggedQuery(columns: string, { tag, ...options }: TaskListOptions): PageQuery {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const { conditions, keys, beyond, order, rows } = pageParts(options, bind);
  const all = [...conditions, ...(beyond ? [beyond(keys)] : [])];
  const sql = `
    SELECT ${columns} FROM (
      SELECT * FROM tasks ${all.length > 0 ? `WHERE ${all.join(' AND ')}` : ''} ${order(keys)} LIMIT ${LOOKED_AT_FIRST}
    ) AS first
    WHERE tags @> ARRAY[${bind(tag)}::text] ${order(keys)} LIMIT ${rows}`;
  return { sql, values };
}

/**
 * All tasks of the list that have the tag, sorted. What the index finds has no order: left to choose, Postgres may walk all tasks in the
 * order of the list instead, for a tag that none of them has.
 */
export function taggedQuery(columns: string, options: TaskListOptions): PageQuery {
  const values: unknown[] = [];
  const { conditions, keys, beyond, order, rows } = pageParts(options, (value) => `$${values.push(value)}`);
  const all = [...conditions, ...(beyond ? [beyond(keys)] : [])];
  const sql = `
    SELECT ${columns} FROM (SELECT * FROM tasks WHERE ${all.join(' AND ')} OFFSET 0) AS tagged
    ${order(keys)} LIMIT ${rows}`;
  return { sql, values };
}

/** Whether the statistics know the tag as one that many tasks have. Without any, none is. */
export const tagStatisticsQuery = (tag: string): PageQuery => ({
  sql: `SELECT $1 = ANY (most_common_elems::text::text[]) AS is_frequent FROM pg_stats
    WHERE schemaname = current_schema() AND tablename = 'tasks' AND attname = 'tags'`,
  values: [tag],
});
