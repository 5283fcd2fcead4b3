import type { Fact, Json } from '@millrace/domain';
import { TASK_COLUMNS } from '../tasks/task.columns.js';
import type { ColumnType, TaskColumn } from '../tasks/task.columns.js';
import type { TaskEventRow } from '../task-events/task-event.entity.js';
import type { TaskRow } from '../tasks/task.entity.js';
import { binaryArray } from './binary-arrays.js';
import { isNull } from './binary-values.js';
import type { Cell } from './binary-values.js';
import type { Copy } from './copy-in.js';
import { copyRows } from './copy-rows.js';
import type { CopyColumn } from './copy-rows.js';
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

const EVENT_CELLS: Record<keyof TaskEventRow, (archived: ArchivedFact) => Cell> = {
  sequence: ({ fact }) => fact.sequence,
  task_id: ({ fact }) => fact.task_id,
  queue: ({ fact }) => fact.queue,
  kind: ({ fact }) => fact.kind,
  at: ({ fact }) => fact.at,
  attempt: ({ fact }) => attemptOf(fact),
  actor: ({ fact }) => fact.actor,
  event_id: ({ fact }) => fact.id,
  prev: ({ fact }) => fact.prev,
  data: ({ data }) => data,
};

const eventColumns = Object.entries(EVENT_COLUMNS) as [keyof TaskEventRow, ColumnType][];
const taskColumns = Object.entries(TASK_COLUMNS) as [TaskColumn, ColumnType][];

/** Facts never change: what is there already is the same. */
const INSERT_EVENTS = `INSERT INTO task_events (${namesOf(EVENT_COLUMNS)})
  SELECT * FROM unnest(${arraysOf(EVENT_COLUMNS)})
  ON CONFLICT (sequence, at) DO NOTHING`;

/** The newer fact wins, so that a batch may come twice; parameters are sent only when a fact brought them. */
const UPSERT_TASKS = `INSERT INTO tasks (${namesOf(TASK_COLUMNS)})
  SELECT ${taskColumns.map(([column, type]) => (type === 'text[]' ? `${column}::text[]` : column)).join(', ')}
  FROM unnest(${arraysOf(TASK_COLUMNS)}) AS task (${namesOf(TASK_COLUMNS)})
  ON CONFLICT (id) DO UPDATE SET ${taskColumns
    .filter(([column]) => column !== 'id')
    .map(([column]) =>
      column === 'parameters'
        ? `parameters = CASE WHEN excluded.cleaned_at IS NULL THEN coalesce(excluded.parameters, tasks.parameters) END`
        : `${column} = excluded.${column}`,
    )
    .join(', ')}
  WHERE excluded.sequence > tasks.sequence
    OR (excluded.sequence = tasks.sequence AND excluded.due_ticket > coalesce(tasks.due_ticket, 0))
  RETURNING xmax = 0 AS inserted`;

/** Columns that no fact but one with a card changes, and no fired timer. */
const OF_THE_CARD: ReadonlySet<TaskColumn> = new Set([
  'id',
  'queue',
  'name',
  'priority',
  'retry',
  'soft_time_limit',
  'time_limit',
  'submitted_at',
  'expires_at',
  'tags',
  'user_id',
  'correlation_id',
  'unique_key',
  'concurrency_key',
  'parameters',
  'input',
  'first_sequence',
]);

const movingColumns = taskColumns.map(([column]) => column).filter((column) => !OF_THE_CARD.has(column));

/** Columns that mostly are null in all rows of a batch, and then are not sent: in groups, so that there are few statements. */
const OFTEN_EMPTY: readonly (readonly TaskColumn[])[] = [
  ['turn', 'waiting_for', 'rank', 'until', 'due_ticket', 'due_at'],
  ['error', 'reason', 'previous_status', 'operation', 'cleaned_at'],
  ['progress'],
  ['slot', 'resumed'],
  ['lane', 'lane_rank', 'ticket'],
];

/** Writes facts into the archive, except those that it has. */
export const insertEvents = (facts: readonly ArchivedFact[]): Statement => ({
  name: 'insert-events',
  text: INSERT_EVENTS,
  values: eventColumns.map(([column, type]) => binaryArray(type, facts.map(EVENT_CELLS[column]))),
});

/** Writes facts into the archive; fails if it has one of them. */
export const copyEvents = (facts: readonly ArchivedFact[]): Copy => ({
  text: `COPY task_events (${namesOf(EVENT_COLUMNS)}) FROM STDIN (FORMAT binary)`,
  rows: copyRows(EVENT_COPY, facts),
});

const EVENT_COPY: readonly CopyColumn<ArchivedFact>[] = eventColumns.map(([column, type]) => ({
  type,
  cell: EVENT_CELLS[column],
}));

/** Writes rows of tasks where they are newer than what is there; tells of each that it wrote whether it is new. */
export const upsertTasks = (rows: readonly TaskRow[]): Statement => ({
  name: 'upsert-tasks',
  text: UPSERT_TASKS,
  values: taskColumns.map(([column, type]) => binaryArray(type, rows.map(cellOf(column)))),
});

/** Writes rows of new tasks; fails if one of them is there. */
export const copyTasks = (rows: readonly TaskRow[]): Copy => ({
  text: `COPY tasks (${namesOf(TASK_COLUMNS)}) FROM STDIN (FORMAT binary)`,
  rows: copyRows(TASK_COPY, rows),
});

/** Writes what facts without a card have changed in rows that are there. How many it finds, the answer tells. */
export function moveTasks(rows: readonly TaskRow[]): Statement {
  const isEmpty = OFTEN_EMPTY.map((group) =>
    group.every((column) => rows.every((row) => isNull(row[column]))),
  );
  const empty = new Set(OFTEN_EMPTY.filter((_, index) => isEmpty[index]).flat());
  const sent = ['id' as const, ...movingColumns.filter((column) => !empty.has(column))];
  const types = Object.fromEntries(sent.map((column) => [column, TASK_COLUMNS[column]]));
  return {
    name: `move-tasks-${isEmpty.map(Number).join('')}`,
    text: `UPDATE tasks
      SET ${movingColumns.map((column) => `${column} = ${empty.has(column) ? 'NULL' : `moved.${column}`}`).join(', ')}
      FROM unnest(${arraysOf(types)}) AS moved (${namesOf(types)})
      WHERE tasks.id = moved.id`,
    values: sent.map((column) => binaryArray(TASK_COLUMNS[column], rows.map(cellOf(column)))),
  };
}

const json = (value: Json | undefined): string | null => (value === undefined ? null : JSON.stringify(value));
const object = (value: object | null): string | null => value && JSON.stringify(value);

/** Columns whose values are not yet what goes into an array. */
const CELLS: Partial<Record<TaskColumn, (row: TaskRow) => Cell>> = {
  retry: (row) => object(row.retry),
  slot: (row) => (row.slot ? 1 : null),
  resumed: (row) => (row.resumed ? 1 : null),
  branched_from: (row) => object(row.branched_from),
  tags: (row) => row.tags && arrayLiteral(row.tags),
  parameters: (row) => (row.parameters === STORED_PARAMETERS ? null : json(row.parameters)),
  progress: (row) => object(row.progress),
  result: (row) => json(row.result),
  error: (row) => object(row.error),
};

const cellOf = (column: TaskColumn): ((row: TaskRow) => Cell) =>
  CELLS[column] ?? ((row) => row[column] as Cell);

const TASK_COPY: readonly CopyColumn<TaskRow>[] = taskColumns.map(([column, type]) => ({
  type,
  cell: column === 'tags' ? (row) => row.tags : cellOf(column),
}));

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
