import { listedTasks, pageOrder, written } from './task-list.js';
import type { PageQuery, TaskListOptions } from './task-list.js';

/** Tasks that are looked at one by one for a frequent tag: one of some hundreds fills a page from them. */
const LOOKED_AT_FIRST = 20_000;

/** The first tasks of the list that have the tag, among those that are looked at first; see {@link lookedAtQuery} of fewer than a page. */
export const firstTaggedQuery = (columns: string, { tag, ...options }: TaskListOptions): PageQuery =>
  written((bind) => {
    const { keys, order, rows } = pageOrder(options);
    return `
    SELECT ${columns} FROM (${listedTasks('*', options, LOOKED_AT_FIRST, bind)}) AS first
    WHERE tags @> ARRAY[${bind(tag)}::text] ${order(keys)} LIMIT ${rows}`;
  });

/** Whether those were all tasks of the list. */
export const lookedAtQuery = ({ tag: _tag, ...options }: TaskListOptions): PageQuery =>
  written((bind) => {
    const first = listedTasks('', options, LOOKED_AT_FIRST, bind);
    return `SELECT count(*) < ${LOOKED_AT_FIRST} AS were_all FROM (${first}) AS first`;
  });

/** Whether the statistics know the tag as one that many tasks have. Without any, none is. */
export const tagStatisticsQuery = (tag: string): PageQuery => ({
  sql: `SELECT $1 = ANY (most_common_elems::text::text[]) AS is_frequent FROM pg_stats
    WHERE schemaname = current_schema() AND tablename = 'tasks' AND attname = 'tags'`,
  values: [tag],
});
