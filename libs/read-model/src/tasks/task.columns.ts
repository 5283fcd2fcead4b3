import { INLINE_PARAMETERS_BYTES } from '@millrace/domain';
import type { TaskRow } from './task.entity.js';

/** Types of the columns on the wire. */
export type ColumnType =
  | 'text'
  | 'bigint'
  | 'integer'
  | 'smallint'
  | 'double precision'
  | 'timestamptz'
  | 'json'
  | 'text[]'
  | 'boolean';

/** The columns of `tasks`, in the order of the table: the writer and the readers name them all. */
export const TASK_COLUMNS = {
  id: 'text',
  queue: 'text',
  name: 'text',
  status: 'text',
  phase: 'text',
  lane: 'text',
  lane_rank: 'smallint',
  ticket: 'bigint',
  turn: 'bigint',
  slot: 'boolean',
  rank: 'double precision',
  priority: 'smallint',
  begun: 'integer',
  failed: 'integer',
  lost: 'integer',
  retry: 'json',
  soft_time_limit: 'double precision',
  time_limit: 'double precision',
  submitted_at: 'timestamptz',
  expires_at: 'timestamptz',
  tags: 'text[]',
  user_id: 'text',
  correlation_id: 'text',
  unique_key: 'text',
  concurrency_key: 'text',
  parameters: 'json',
  input: 'bigint',
  checkpoint: 'bigint',
  step: 'bigint',
  branched_from: 'json',
  worker: 'text',
  token: 'bigint',
  started_at: 'timestamptz',
  progress: 'json',
  result: 'json',
  error: 'json',
  reason: 'text',
  previous_status: 'text',
  waiting_for: 'text',
  operation: 'text',
  until: 'timestamptz',
  due_ticket: 'bigint',
  due_at: 'timestamptz',
  first_sequence: 'bigint',
  sequence: 'bigint',
  updated_at: 'timestamptz',
  finished_at: 'timestamptz',
  resumed: 'boolean',
  cleaned_at: 'timestamptz',
} as const satisfies Record<keyof TaskRow, ColumnType>;

export type TaskColumn = keyof typeof TASK_COLUMNS;

const columns = Object.keys(TASK_COLUMNS) as TaskColumn[];

export const ALL_COLUMNS = columns.join(', ');

/** Without what may be long and a list does not show. */
export const SUMMARY_COLUMNS = columns
  .filter((column) => column !== 'parameters' && column !== 'result')
  .join(', ');

/** What a decision needs: parameters where a fact would copy them, and never a result. */
export const DECISION_COLUMNS = `${SUMMARY_COLUMNS}, CASE WHEN octet_length(parameters::text) <= ${INLINE_PARAMETERS_BYTES} THEN parameters END AS parameters`;

/** A row as Postgres returns it: JSON is text still. */
export type StoredRow<Row> = { [C in keyof Row]: unknown };

const JSON_COLUMNS = columns.filter((column) => TASK_COLUMNS[column] === 'json');

/** Parses the JSON of a row. An absent column stays absent, as does the difference between SQL's NULL and JSON's null. */
export function parsedRow<Row extends Partial<TaskRow>>(stored: StoredRow<Row>): Row {
  const row = stored as Record<string, unknown>;
  for (const column of JSON_COLUMNS) {
    const text = row[column];
    if (typeof text === 'string') row[column] = JSON.parse(text);
    else if (text === null && MAY_BE_JSON_NULL.has(column)) row[column] = undefined;
  }
  return row as Row;
}

const MAY_BE_JSON_NULL: ReadonlySet<string> = new Set(['parameters', 'result']);
