import type { TaskStatus } from '@millrace/domain';
import { escaped } from '../search/task-search.js';
import type { Bind, SearchFilter } from '../search/task-search.js';
import type { TaskRow } from './task.entity.js';
import { possibleStatuses } from './possible-statuses.js';

/** Orders of a list: the newest first with a minus. `updated_at` follows the log, so it has no ties. */
export const TASK_SORTS = ['-submitted_at', 'submitted_at', '-updated_at', 'updated_at'] as const;
export type TaskSort = (typeof TASK_SORTS)[number];

/** What a list of tasks is narrowed to; every part that is given must hold. */
export interface TaskFilter {
  status?: TaskStatus | readonly TaskStatus[] | undefined;
  queue?: string | undefined;
  task_name?: string | undefined;
  tag?: string | undefined;
  /** The worker of the current or last attempt. */
  worker?: string | undefined;
  user_id?: string | undefined;
  /** From this time on, inclusive. */
  submitted_after?: string | undefined;
  /** Up to this time, exclusive. */
  submitted_before?: string | undefined;
  /** Class of the error of a failed task, or of the attempt whose retry is awaited. */
  error?: string | undefined;
  /** Of a failure that one of its attempts has ended with. */
  fingerprint?: string | undefined;
  /** Why it is scheduled, paused, failed or cancelled. */
  reason?: string | undefined;
  /** The operation on many tasks by which it was cancelled. */
  operation?: string | undefined;
  /** Also tasks that were cleaned up. Defaults to false. */
  cleaned?: boolean | undefined;
}

export interface TaskListOptions extends TaskFilter, SearchFilter {
  /** Defaults to `-submitted_at`. */
  sort?: TaskSort | undefined;
  limit: number;
  /** Where the last page ended; of a list with the same sort. */
  cursor?: string | undefined;
}

/** The cursor is none of ours, or of a list in another order. */
export class BadCursorError extends Error {
  override readonly name = 'BadCursorError';

  constructor() {
    super('The cursor is not one that a list in this order has returned.');
  }
}

type Position = Pick<TaskRow, 'submitted_at' | 'sequence' | 'id'>;

/** A statement and its values. */
export interface PageQuery {
  sql: string;
  values: unknown[];
}

/** A statement that binds its values as it is written. */
export function written(write: (bind: Bind) => string): PageQuery {
  const values: unknown[] = [];
  return { sql: write((value) => `$${values.push(value)}`), values };
}

/** The order of a list, and how much of it is a page. */
export interface PageOrder {
  keys: readonly string[];
  order: (keys: readonly string[]) => string;
  /** One row more than asked for tells whether there is a next page. */
  rows: number;
}

/** What the query of a page is made of. */
export interface PageParts extends PageOrder {
  conditions: string[];
  /** Beyond the cursor; undefined on the first page. */
  beyond: ((keys: readonly string[]) => string) | undefined;
  /** Both as a clause; empty if nothing is asked for. */
  where: string;
}

/** The query of one page. */
export const pageQuery = (columns: string, options: TaskListOptions): PageQuery =>
  written((bind) => listedTasks(columns, options, pageOrder(options).rows, bind));

/** The first tasks of a list, in the order that an index has. */
export function listedTasks(columns: string, options: TaskListOptions, rows: number, bind: Bind): string {
  const { where, keys, order } = pageParts(options, bind);
  return `SELECT ${columns} FROM tasks ${where} ${order(keys)} LIMIT ${rows}`;
}

/**
 * One page of a list that few tasks are in, sorted. What a bitmap finds has no order: left to choose, Postgres may walk all tasks in the
 * order of the list instead, to find none.
 */
export const sortedQuery = (columns: string, options: TaskListOptions): PageQuery =>
  written((bind) => {
    const { where, keys, order, rows } = pageParts(options, bind);
    return `SELECT ${columns} FROM (SELECT * FROM tasks ${where} OFFSET 0) AS few ${order(keys)} LIMIT ${rows}`;
  });

/** @throws BadCursorError */
export function pageParts(options: TaskListOptions, bind: Bind): PageParts {
  const { keys, operator } = orderOf(options.sort);
  const conditions = conditionsOf(options, bind);
  const from = options.cursor === undefined ? [] : decodeCursor(options.cursor, options.sort).map(bind);
  const isBeyond = (names: readonly string[]): string =>
    `(${names.join(', ')}) ${operator} (${from.join(', ')})`;
  const beyond = from.length === 0 ? undefined : isBeyond;
  const all = [...conditions, ...(beyond ? [beyond(keys)] : [])];
  return {
    ...pageOrder(options),
    conditions,
    beyond,
    where: all.length > 0 ? `WHERE ${all.join(' AND ')}` : '',
  };
}

export function pageOrder({ sort, limit }: Pick<TaskListOptions, 'sort' | 'limit'>): PageOrder {
  const { keys, direction } = orderOf(sort);
  return {
    keys,
    order: (names) => `ORDER BY ${names.map((name) => `${name} ${direction}`).join(', ')}`,
    rows: limit + 1,
  };
}

/** The cursor after the last task of a page. */
export const cursorAfter = (last: Position, sort: TaskSort | undefined): string =>
  Buffer.from(
    JSON.stringify([sort ?? '-submitted_at', ...orderOf(sort).keys.map((key) => last[key])]),
  ).toString('base64url');

function conditionsOf(filter: TaskFilter, bind: Bind): string[] {
  const conditions: string[] = [];
  const add = (value: unknown, condition: (parameter: string) => string): void => {
    if (value !== undefined) conditions.push(condition(bind(value)));
  };
  const statuses = filter.status === undefined ? undefined : [filter.status].flat();
  // One status has an index in the order of the list, which several have not.
  if (statuses?.length === 1) add(statuses[0], (status) => `status = ${status}`);
  else add(statuses, (several) => `status = ANY(${several}::text[])`);
  add(filter.queue, (queue) => `queue = ${queue}`);
  add(filter.task_name, (name) => `name = ${name}`);
  // The form that the index knows.
  add(filter.tag, (tag) => `tags IS NOT NULL AND tags @> ARRAY[${tag}::text]`);
  add(filter.worker, (worker) => `worker = ${worker}`);
  add(filter.user_id, (user) => `user_id = ${user}`);
  add(filter.reason, (reason) => `reason = ${reason}`);
  add(
    filter.fingerprint,
    (fingerprint) =>
      `EXISTS (SELECT FROM failures WHERE fingerprint = ${fingerprint} AND submission = submitted_at AND task_id = id)`,
  );
  add(filter.operation, (operation) => `operation = ${operation}`);
  if (filter.error !== undefined) conditions.push(...errorConditions(filter.error, bind));
  if (possibleStatuses(filter).length === 0) conditions.push('false');
  if (!filter.cleaned) conditions.push('cleaned_at IS NULL');
  add(filter.submitted_after, (time) => `submitted_at >= ${time}::timestamptz`);
  add(filter.submitted_before, (time) => `submitted_at < ${time}::timestamptz`);
  return conditions;
}

/**
 * As text, for Postgres reads no JSON that has a \u0000 anywhere. An error is always written with its name first. The index knows the name
 * up to its first quote; that there is an error need not be said, and would be taken for one more filter.
 */
function errorConditions(error: string, bind: Bind): string[] {
  const name = JSON.stringify(error);
  const known = `split_part(error::text, '"', 4) = ${bind(name.split('"')[1])}`;
  // Not where the index tells all: Postgres would expect next to nothing to be found, and sort all that is.
  if (!error.includes('"') && !error.includes('\\')) return [known];
  return [known, `error::text LIKE ${bind(`${escaped(`{"name":${name}`)}%`)}`];
}

function orderOf(sort: TaskSort = '-submitted_at'): {
  keys: (keyof Position)[];
  operator: '<' | '>';
  direction: 'ASC' | 'DESC';
} {
  const isDescending = sort.startsWith('-');
  return {
    keys: sort.endsWith('submitted_at') ? ['submitted_at', 'id'] : ['sequence'],
    operator: isDescending ? '<' : '>',
    direction: isDescending ? 'DESC' : 'ASC',
  };
}

function decodeCursor(cursor: string, sort: TaskSort = '-submitted_at'): (string | number)[] {
  const [of, ...keys] = parseArray(Buffer.from(cursor, 'base64url').toString());
  const [first, id] = keys;
  const isOurs = sort.endsWith('submitted_at')
    ? keys.length === 2 && typeof id === 'string' && typeof first === 'string' && !isNaN(Date.parse(first))
    : keys.length === 1 && Number.isSafeInteger(first);
  if (of !== sort || !isOurs) throw new BadCursorError();
  return keys as (string | number)[];
}

function parseArray(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
