import type { Database } from '@millrace/read-model';
import { COPY_MARK } from './life-stories.js';

/** A block of tasks that the projector has written, in a schema of its own. */
export interface Block {
  schema: string;
  /** Sequence of its last message. */
  sequence: number;
}

/** One copy of it. */
export interface Copy {
  /** Number of the copy: ids and some of the words have it. */
  number: number;
  shiftMs: number;
}

/** In which a 0 says that there is none. */
const SEQUENCES = new Set([
  'sequence',
  'prev',
  'first_sequence',
  'ticket',
  'turn',
  'token',
  'due_ticket',
  'input',
  'checkpoint',
  'step',
]);
const IDS = new Set(['id', 'task_id', 'event_id']);
const MARKED = new Set(['parameters', 'result', 'worker', 'actor', 'data']);

/** Sequences and times in the data of facts: what a copy says otherwise. */
const NUMBER = String.raw`(?<="(?:ticket|token|checkpoint|step|input)":)\d+`;
const TIME = String.raw`(?<=")\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z(?=")`;
const MOVING = `'(?:${NUMBER}|${TIME})'`;
const MOVING_AT_MOST = 4;
const PIECES = Array.from({ length: MOVING_AT_MOST }, (_, index) => index + 1);

/** Takes the data of the block's facts apart, so that a copy is put together without reading JSON. */
export async function takeApart(database: Database, { schema }: Block): Promise<void> {
  const pieces = PIECES.map(
    (n) => `, fixed[${n}] AS fixed_${n},
      CASE WHEN moving[${n}] !~ '-' THEN moving[${n}]::bigint END AS number_${n},
      CASE WHEN moving[${n}] ~ '-' THEN moving[${n}]::timestamptz END AS time_${n}`,
  ).join('');
  await database.rows(
    `CREATE TABLE ${schema}.pieces AS
     SELECT of_sequence, cardinality(moving) AS moving, fixed[cardinality(fixed)] AS last ${pieces}
     FROM (
       SELECT sequence AS of_sequence, regexp_split_to_array(data::text, ${MOVING}) AS fixed,
         ARRAY(SELECT found[1] FROM regexp_matches(data::text, '(' || ${MOVING} || ')', 'g') AS found) AS moving
       FROM ${schema}.task_events
     ) AS apart`,
  );
  const [odd] = await database.rows(`SELECT FROM ${schema}.pieces WHERE moving > ${MOVING_AT_MOST} LIMIT 1`);
  if (odd) throw new Error(`A fact names more than ${MOVING_AT_MOST} sequences and times.`);
  await database.rows(
    `CREATE TABLE ${schema}.facts AS
     SELECT task_events.*, pieces.* FROM ${schema}.task_events JOIN ${schema}.pieces ON of_sequence = sequence ORDER BY sequence`,
  );
  await database.rows(`ANALYZE ${schema}.facts`);
}

/** Copies all rows of a table of the block into the table in use. */
export async function copyTable(
  database: Database,
  table: string,
  block: Block,
  { number, shiftMs }: Copy,
): Promise<void> {
  const columns = await columnsOf(database, table);
  const offset = number * block.sequence;
  const shift = `interval '${shiftMs} milliseconds'`;
  const copied = columns.map(({ column, type }) => {
    if (table === 'task_events' && column === 'data')
      return `replace(${dataOf(offset, shift)}, '${COPY_MARK}', 'c${number}')::json`;
    if (SEQUENCES.has(column)) return `CASE ${column} WHEN 0 THEN 0 ELSE ${column} + ${offset} END`;
    if (IDS.has(column)) return `${column} || '-${number}'`;
    if (MARKED.has(column)) return `replace(${column}::text, '${COPY_MARK}', 'c${number}')::${type}`;
    return type === 'timestamp with time zone' ? `${column} + ${shift}` : column;
  });
  const source = table === 'task_events' ? 'facts' : table;
  await database.rows(
    `INSERT INTO ${table} (${columns.map(({ column }) => column).join(', ')})
     SELECT ${copied.join(', ')} FROM ${block.schema}.${source}`,
  );
}

/** Of a fact without anything that moves, the last piece is all there is. */
const dataOf = (offset: number, shift: string): string =>
  `CASE moving WHEN 0 THEN last ELSE concat(${PIECES.flatMap((n) => [
    `CASE WHEN moving >= ${n} THEN fixed_${n} END`,
    `number_${n} + ${offset}`,
    `to_char((time_${n} + ${shift}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
  ]).join(', ')}, last) END`;

interface ColumnOfTable {
  column: string;
  type: string;
}

const columnsOf = (database: Database, table: string): Promise<ColumnOfTable[]> =>
  database.rows(
    `SELECT attname AS column, format_type(atttypid, NULL) AS type FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [table],
  );
