import type { Fact, Json } from '@millrace/domain';
import { TASK_COLUMNS } from '../tasks/task.columns.js';
import type { ColumnType, TaskColumn } from '../tasks/task.columns.js';
import type { TaskEventRow } from '../task-events/task-event.entity.js';
import type { TaskRow } from '../tasks/task.entity.js';
import { binaryArray } from './binary-arrays.js';
import { STORED_PARAMETERS } from './known-tasks.js';

/** A prepared statement and its values: a column each. */
export interface Statement {
  name: string;
  text: string;
  values: unknown[];
}

/** A fact and its data as JSON. */
export interface ArchivedFact {
  fact: Fact;
  data: string;
}

const EVENT_COLUMNS = {
  sequence: 'bigint',
  task_id: 'text',
  queue: 'text',
  kind: 'text',
  at: 'timestamptz',
  attempt: 'integer',
  actor: 'text',
  event_id: 'text',
  prev: 'bigint',
  data: 'json',
} as const satisfies Record<keyof TaskEventRow, ColumnType>;

/** Facts never change: what is there already is the same. */
const INSERT_EVENTS = `INSERT INTO task_events (${namesOf(EVENT_COLUMNS)})
  SELECT * FROM unnest(${arraysOf(EVENT_COLUMNS)})
  ON CONFLICT (sequence) DO NOTHING`;

const taskColumns = Object.entries(TASK_COLUMNS) as [TaskColumn, ColumnType][];

/** The newer fact wins, so that a batch may come twice; parameters are sent only when a fact brought them. */
const UPSERT_TASKS = `INSERT INTO tasks (${namesOf(TASK_COLUMNS)})
  SELECT ${taskColumns.map(([column, type]) => (type === 'text[]' ? `${column}::text[]` : column)).join(', ')}
  FROM unnest(${arraysOf(TASK_COLUMNS)}) AS task (${namesOf(TASK_COLUMNS)})
  ON CONFLICT (id) DO UPDATE SET ${taskColumns
    .filter(([column]) => column !== 'id')
    .map(([column]) =>
      column === 'parameters'
        ? 'parameters = coalesce(excluded.parameters, tasks.parameters)'
        : `${column} = excluded.${column}`,
    )
    .join(', ')}
  WHERE excluded.sequence > tasks.sequence
    OR (excluded.sequence = tasks.sequence AND excluded.due_ticket > coalesce(tasks.due_ticket, 0))`;

/** Writes facts into the archive. */
export const insertEvents = (facts: readonly ArchivedFact[]): Statement => ({
  name: 'insert-events',
  text: INSERT_EVENTS,
  values: [
    binaryArray(
      'bigint',
      facts.map(({ fact }) => fact.sequence),
    ),
    binaryArray(
      'text',
      facts.map(({ fact }) => fact.task_id),
    ),
    binaryArray(
      'text',
      facts.map(({ fact }) => fact.queue),
    ),
    binaryArray(
      'text',
      facts.map(({ fact }) => fact.kind),
    ),
    binaryArray(
      'timestamptz',
      facts.map(({ fact }) => fact.at),
    ),
    binaryArray(
      'integer',
      facts.map(({ fact }) => attemptOf(fact)),
    ),
    binaryArray(
      'text',
      facts.map(({ fact }) => fact.actor),
    ),
    binaryArray(
      'text',
      facts.map(({ fact }) => fact.id),
    ),
    binaryArray(
      'bigint',
      facts.map(({ fact }) => fact.prev),
    ),
    binaryArray(
      'json',
      facts.map(({ data }) => data),
    ),
  ],
});

/** Writes rows of tasks where they are newer than what is there. */
export const upsertTasks = (rows: readonly TaskRow[]): Statement => ({
  name: 'upsert-tasks',
  text: UPSERT_TASKS,
  values: taskColumns.map(([column, type]) =>
    binaryArray(type, rows.map(CELLS[column] ?? ((row) => row[column] as Cell))),
  ),
});

type Cell = string | number | null | undefined;

const json = (value: Json | undefined): string | null => (value === undefined ? null : JSON.stringify(value));
const object = (value: object | null): string | null => value && JSON.stringify(value);

/** Columns whose values are not yet what goes into an array. */
const CELLS: Partial<Record<TaskColumn, (row: TaskRow) => Cell>> = {
  retry: (row) => object(row.retry),
  branched_from: (row) => object(row.branched_from),
  tags: (row) => row.tags && arrayLiteral(row.tags),
  parameters: (row) => (row.parameters === STORED_PARAMETERS ? null : json(row.parameters)),
  progress: (row) => object(row.progress),
  result: (row) => json(row.result),
  error: (row) => object(row.error),
};

const arrayLiteral = (values: string[]): string =>
  `{${values.map((value) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;

function attemptOf({ data }: Fact): number | undefined {
  if ('attempt' in data) return data.attempt;
  return 'run' in data ? data.run.attempt : undefined;
}

function namesOf(columns: object): string {
  return Object.keys(columns).join(', ');
}

function arraysOf(columns: Record<string, ColumnType>): string {
  return Object.values(columns)
    .map((type, index) => `$${index + 1}::${type === 'text[]' ? 'text' : type}[]`)
    .join(', ');
}
