import type { Database } from '../database/database.js';
import { failedQuery, isByFailures } from './failed-page.js';
import { isUnlikely } from './possible-statuses.js';
import { pageQuery, sortedQuery } from './task-list.js';
import type { PageQuery, TaskListOptions } from './task-list.js';
import { firstTaggedQuery, lookedAtQuery, tagStatisticsQuery } from './tagged-page.js';

/** The rows of one page, one more if there is a next one, without a search: by the way that is cheap for what is asked. */
export async function pageRows<Row extends object>(
  database: Database,
  columns: string,
  options: TaskListOptions,
): Promise<Row[]> {
  const ask = <Answer extends object>({ sql, values }: PageQuery): Promise<Answer[]> =>
    database.rows<Answer>(sql, values);
  const { tag } = options;
  const isFrequent = async (tag: string): Promise<boolean> => {
    const [known] = await ask<{ is_frequent: boolean | null }>(tagStatisticsQuery(tag));
    return known?.is_frequent ?? false;
  };
  if (isUnlikely(options) || (tag !== undefined && !(await isFrequent(tag))))
    return ask<Row>(sortedQuery(columns, options));
  if (isByFailures(options)) return ask<Row>(failedQuery(columns, options));
  if (tag === undefined) return ask<Row>(pageQuery(columns, options));
  const first = await ask<Row>(firstTaggedQuery(columns, options));
  if (first.length > options.limit) return first;
  const [looked] = await ask<{ were_all: boolean }>(lookedAtQuery(options));
  return looked?.were_all ? first : ask<Row>(sortedQuery(columns, options));
}
