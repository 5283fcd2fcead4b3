import type { ColumnType } from '../tasks/task.columns.js';

type Cell = string | number | null | undefined;

/** An element type of Postgres: its OID, and how one value is written. Returns the bytes written. */
interface Element {
  oid: number;
  /** Bytes that the value takes. */
  size: (value: string | number) => number;
  write: (buffer: Buffer, value: string | number, at: number) => number;
}

const NULL_LENGTH = -1;
const LENGTH_BYTES = 4;
const HEADER_BYTES = 20;
/** 2000-01-01, from where Postgres counts microseconds. */
const EPOCH_MS = 946_684_800_000;
const TWO_TO_32 = 2 ** 32;

/**
 * A column of values as an array in Postgres' binary format: nothing is quoted here and nothing unquoted there, which for JSON costs
 * more than all the rest of a batch.
 */
export function binaryArray(type: ColumnType, values: readonly Cell[]): Buffer {
  const { oid, size, write } = ELEMENTS[type];
  let bytes = HEADER_BYTES;
  for (const value of values) bytes += LENGTH_BYTES + (isNull(value) ? 0 : size(value));
  const buffer = Buffer.allocUnsafe(bytes);
  writeHeader(buffer, oid, values.length);
  let at = HEADER_BYTES;
  for (const value of values) {
    const length = isNull(value) ? NULL_LENGTH : write(buffer, value, at + LENGTH_BYTES);
    buffer.writeInt32BE(length, at);
    at += LENGTH_BYTES + Math.max(0, length);
  }
  return buffer;
}

const isNull = (value: Cell): value is null | undefined => value === null || value === undefined;

/** One dimension, NULLs possible, counted from 1. */
function writeHeader(buffer: Buffer, oid: number, length: number): void {
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
}

const writeBigint = (buffer: Buffer, value: number, at: number): number => {
  const high = Math.floor(value / TWO_TO_32);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * TWO_TO_32, at + 4);
  return 8;
};

const utf8 = (oid: number): Element => ({
  oid,
  size: (value) => Buffer.byteLength(value as string),
  write: (buffer, value, at) => buffer.write(value as string, at),
});

/** Postgres has no NUL in a text; a space takes as many bytes. */
const text: Element = {
  ...utf8(25),
  write: (buffer, value, at) => {
    const string = value as string;
    return buffer.write(string.includes('\0') ? string.replaceAll('\0', ' ') : string, at);
  },
};

const ELEMENTS: Record<ColumnType, Element> = {
  text,
  // As a literal, for unnest would take an array of arrays apart down to its last element.
  'text[]': text,
  json: utf8(114),
  bigint: { oid: 20, size: () => 8, write: (buffer, value, at) => writeBigint(buffer, value as number, at) },
  integer: {
    oid: 23,
    size: () => 4,
    write: (buffer, value, at) => buffer.writeInt32BE(value as number, at) - at,
  },
  smallint: {
    oid: 21,
    size: () => 2,
    write: (buffer, value, at) => buffer.writeInt16BE(value as number, at) - at,
  },
  'double precision': {
    oid: 701,
    size: () => 8,
    write: (buffer, value, at) => buffer.writeDoubleBE(value as number, at) - at,
  },
  timestamptz: {
    oid: 1184,
    size: () => 8,
    write: (buffer, value, at) => writeBigint(buffer, (Date.parse(value as string) - EPOCH_MS) * 1000, at),
  },
};
