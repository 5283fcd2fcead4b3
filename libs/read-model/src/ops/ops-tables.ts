import type { AuditCommandRow } from '../audit/audit-command.entity.js';
import { binaryArray } from '../projections/binary-arrays.js';
import type { Statement } from '../projections/task-tables.js';
import type { ColumnType } from '../tasks/task.columns.js';
import type { OpsEventRow } from './ops-event.entity.js';

const EVENT_COLUMNS = {
  sequence: 'bigint',
  noun: 'text',
  verb: 'text',
  at: 'timestamptz',
  actor: 'text',
  data: 'json',
} as const satisfies Record<keyof OpsEventRow, ColumnType>;

const COMMAND_COLUMNS = {
  sequence: 'bigint',
  place: 'integer',
  at: 'timestamptz',
  actor: 'text',
  role: 'text',
  address: 'text',
  method: 'text',
  operation: 'text',
  target_type: 'text',
  target: 'text',
  status: 'smallint',
  code: 'text',
  correlation_id: 'text',
} as const satisfies Record<keyof AuditCommandRow, ColumnType>;

export const insertNotes = (rows: readonly OpsEventRow[]): Statement =>
  insert('insert-notes', 'ops_events', EVENT_COLUMNS, rows);

export const insertCommands = (rows: readonly AuditCommandRow[]): Statement =>
  insert('insert-commands', 'audit_commands', COMMAND_COLUMNS, rows);

function insert<Column extends string>(
  name: string,
  table: string,
  columns: Record<Column, ColumnType>,
  rows: readonly Record<Column, string | number | null>[],
): Statement {
  const entries = Object.entries(columns) as [Column, ColumnType][];
  const arrays = entries.map(([, type], index) => `$${index + 1}::${type}[]`);
  return {
    name,
    text: `INSERT INTO ${table} (${entries.map(([column]) => column).join(', ')}) SELECT * FROM unnest(${arrays.join(', ')})`,
    values: entries.map(([column, type]) =>
      binaryArray(
        type,
        rows.map((row) => row[column]),
      ),
    ),
  };
}
