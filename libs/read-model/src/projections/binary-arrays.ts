import type { ColumnType } from '../tasks/task.columns.js';
import { ELEMENTS, roomFor, writeCell } from './binary-values.js';
import type { Cell } from './binary-values.js';

const HEADER_BYTES = 20;

/**
 * A column of values as an array in Postgres' binary format: nothing is quoted here and nothing unquoted there, which for JSON costs
 * more than all the rest of a batch.
 */
export function binaryArray(type: ColumnType, values: readonly Cell[]): Buffer {
  const element = ELEMENTS[type];
  let room = HEADER_BYTES;
  for (const value of values) room += roomFor(element, value);
  const buffer = Buffer.allocUnsafe(room);
  writeHeader(buffer, element.oid, values.length);
  let at = HEADER_BYTES;
  for (const value of values) at = writeCell(element, buffer, value, at);
  return buffer.subarray(0, at);
}

/** One dimension, NULLs possible, counted from 1. */
function writeHeader(buffer: Buffer, oid: number, length: number): void {
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
}
