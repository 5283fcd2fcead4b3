import type { ColumnType } from '../tasks/task.columns.js';
import { binaryArray } from './binary-arrays.js';
import { ELEMENTS, LENGTH_BYTES, roomFor, writeCell } from './binary-values.js';
import type { Cell } from './binary-values.js';

/** A column of the table that rows are copied into. */
export interface CopyColumn<Row> {
  type: ColumnType;
  /** An array of texts is one of `text[]`. */
  cell: (row: Row) => Cell | readonly string[];
}

/** What a file begins with: who it is, no flags, no extension. */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const COUNT_BYTES = 2;
const END = -1;
const ROOM_PER_ROW = 1024;

/** Rows in the binary format of COPY. */
export function copyRows<Row>(columns: readonly CopyColumn<Row>[], rows: readonly Row[]): Buffer {
  const written = columns.map(({ type, cell }) => ({ element: ELEMENTS[type], cell }));
  let buffer = Buffer.allocUnsafe(HEADER.length + COUNT_BYTES + rows.length * ROOM_PER_ROW);
  let at = HEADER.copy(buffer);
  const makeRoom = (bytes: number): void => {
    const larger = Buffer.allocUnsafe(2 * (at + bytes));
    buffer.copy(larger, 0, 0, at);
    buffer = larger;
  };
  for (const row of rows) {
    if (at + COUNT_BYTES > buffer.length) makeRoom(COUNT_BYTES);
    at = buffer.writeInt16BE(columns.length, at);
    for (const { element, cell } of written) {
      const value = cell(row);
      if (isArray(value)) {
        const array = binaryArray('text', value);
        if (at + LENGTH_BYTES + array.length > buffer.length) makeRoom(LENGTH_BYTES + array.length);
        at = buffer.writeInt32BE(array.length, at);
        at += array.copy(buffer, at);
        continue;
      }
      const room = roomFor(element, value);
      if (at + room > buffer.length) makeRoom(room);
      at = writeCell(element, buffer, value, at);
    }
  }
  if (at + COUNT_BYTES > buffer.length) makeRoom(COUNT_BYTES);
  at = buffer.writeInt16BE(END, at);
  return buffer.subarray(0, at);
}

const isArray = (value: Cell | readonly string[]): value is readonly string[] =>
  typeof value === 'object' && value !== null;
