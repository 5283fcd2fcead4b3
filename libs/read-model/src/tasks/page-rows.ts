import type { Database } from '../database/database.js';
import { failedQuery, isByFailures } from './failed-page.js';
import { pageQuery } from './task-list.js';
import type { PageQuery, TaskListOptions } from './task-list.js';
import { firstTaggedQuery, taggedQuery } from './tagged-page.js';

/** The rows of one page, one more if there is a next one, without a search: by the way that is cheap for what is asked. */
export async function pageRows<Row extends object>(
  database: Database,
  columns: string,
  options: TaskListOptions,
): Promise<Row[]> {
  const rows = ({ sql, values }: PageQuery): Promise<Row[]> => database.rows<Row>(sql, values);
  if (isByFailures(options)) return rows(failedQuery(columns, options));
  if (options.tag === undefined) return rows(pageQuery(columns, options));
  const first = await rows(firstTaggedQuery(columns, options));
  return first.length > options.limit ? first : rows(taggedQuery(columns, options));
}
