import type { ColumnType } from '../tasks/task.columns.js';

/** A value of a column before it is written. */
export type Cell = string | number | null | undefined;

/** An element type of Postgres: its OID, and how one value is written in its binary format. */
export interface Element {
  oid: number;
  /** Bytes that the value takes at most. */
  size: (value: string | number) => number;
  /** Returns the bytes written. */
  write: (buffer: Buffer, value: string | number, at: number) => number;
}

/** Stands for the length of a NULL. */
export const NULL_LENGTH = -1;
export const LENGTH_BYTES = 4;

/** 2000-01-01, from where Postgres counts microseconds. */
const EPOCH_MS = 946_684_800_000;
const TWO_TO_32 = 2 ** 32;
/** No character of UTF-16 takes more in UTF-8. */
const UTF8_BYTES = 3;
/** To count the bytes of a short text costs more than the room that it may not need. */
const SHORT_TEXT = 256;
/** Up to here a loop is faster than a call out of the language. */
const PLAIN_TEXT = 64;
const LAST_OF_ASCII = 0x7f;

export const isNull = (value: unknown): value is null | undefined => value === null || value === undefined;

/** Writes the length and the value; returns where the next one goes. */
export function writeCell({ write }: Element, buffer: Buffer, value: Cell, at: number): number {
  if (isNull(value)) return buffer.writeInt32BE(NULL_LENGTH, at);
  const length = write(buffer, value, at + LENGTH_BYTES);
  buffer.writeInt32BE(length, at);
  return at + LENGTH_BYTES + length;
}

/** Room that {@link writeCell} needs. */
export const roomFor = ({ size }: Element, value: Cell): number =>
  LENGTH_BYTES + (isNull(value) ? 0 : size(value));

const writeBigint = (buffer: Buffer, value: number, at: number): number => {
  const high = Math.floor(value / TWO_TO_32);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * TWO_TO_32, at + 4);
  return 8;
};

const last = { text: '', time: NaN };

/** Facts that follow each other often are of the same millisecond. */
function timeOf(text: string): number {
  if (text !== last.text) {
    last.text = text;
    last.time = Date.parse(text);
  }
  return last.time;
}

const utf8 = (oid: number): Element => ({
  oid,
  size: (value) => {
    const string = value as string;
    return string.length < SHORT_TEXT ? string.length * UTF8_BYTES : Buffer.byteLength(string);
  },
  write: (buffer, value, at) => buffer.write(value as string, at),
});

/** Postgres has no NUL in a text; a space takes as many bytes. */
const text: Element = {
  ...utf8(25),
  write: (buffer, value, at) => {
    const string = value as string;
    if (string.length < PLAIN_TEXT && writePlain(buffer, string, at)) return string.length;
    return buffer.write(string.includes('\0') ? string.replaceAll('\0', ' ') : string, at);
  },
};

/** Ids, names and the like. False if not all of it is plain. */
function writePlain(buffer: Buffer, string: string, at: number): boolean {
  for (let index = 0; index < string.length; index++) {
    const code = string.charCodeAt(index);
    if (code === 0 || code > LAST_OF_ASCII) return false;
    buffer[at + index] = code;
  }
  return true;
}

export const ELEMENTS: Record<ColumnType, Element> = {
  text,
  // As a literal, for unnest would take an array of arrays apart down to its last element.
  'text[]': text,
  json: utf8(114),
  // True is 1.
  boolean: {
    oid: 16,
    size: () => 1,
    write: (buffer, value, at) => buffer.writeUInt8(value as number, at) - at,
  },
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
    write: (buffer, value, at) => writeBigint(buffer, (timeOf(value as string) - EPOCH_MS) * 1000, at),
  },
};
