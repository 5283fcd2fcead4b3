import type { Database } from '../database/database.js';
import { failedQuery, isByFailures } from './failed-page.js';
import { pageQuery } from './task-list.js';
import type { PageQuery, TaskListOptions } from './task-list.js';
import { firstTaggedQuery, tagStatisticsQuery, taggedQuery } from './tagged-page.js';

/** The rows of one page, one more if there is a next one, without a search: by the way that is cheap for what is asked. */
export async function pageRows<Row extends object>(
  database: Database,
  columns: string,
  options: TaskListOptions,
): Promise<Row[]> {
  const rows = ({ sql, values }: PageQuery): Promise<Row[]> => database.rows<Row>(sql, values);
  if (isByFailures(options)) return rows(failedQuery(columns, options));
  if (options.tag === undefined) return rows(pageQuery(columns, options));
  if (await isFrequent(database, options.tag)) {
    const first = await rows(firstTaggedQuery(columns, options));
    if (first.length > options.limit) return first;
  }
  return rows(taggedQuery(columns, options));
}

async function isFrequent(database: Database, tag: string): Promise<boolean> {
  const { sql, values } = tagStatisticsQuery(tag);
  const [known] = await database.rows<{ is_frequent: boolean | null }>(sql, values);
  return known?.is_frequent ?? false;
}
