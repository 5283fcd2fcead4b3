import type { Json } from '@millrace/domain';
import {
  AttemptOvertakenError,
  SoftTimeLimitExceeded,
  TaskCancelledError,
  TimeLimitExceeded,
  UnrecoverableError,
  WorkerStoppingError,
} from '../errors.js';

/** Whatever was thrown, as it crosses the border between two processes. */
export type WireError =
  | { name: string; message: string; stack?: string; cause?: WireError; known?: KnownName }
  /** Not an error: anything can be thrown. */
  | { thrown?: Json };

const KNOWN = {
  AttemptOvertakenError,
  SoftTimeLimitExceeded,
  TaskCancelledError,
  TimeLimitExceeded,
  UnrecoverableError,
  WorkerStoppingError,
};
type KnownName = keyof typeof KNOWN;

/** A text of an error is cut to so many characters. */
const MAX_LENGTH = 64 * 1024;
/** Causes of causes are followed so far; they may go in a circle. */
const MAX_DEPTH = 8;

export function packError(thrown: unknown, depth = 0): WireError {
  if (!(thrown instanceof Error)) return packValue(thrown);
  const { name, message, stack, cause } = thrown;
  const known = knownNameOf(thrown);
  return {
    name: cut(name),
    message: cut(message),
    ...(stack !== undefined && { stack: cut(stack) }),
    ...(cause !== undefined && depth < MAX_DEPTH && { cause: packError(cause, depth + 1) }),
    ...(known && { known }),
  };
}

/** An instance of one of our classes where it was one, or a subclass, or has its name; else a plain Error with the name it had. */
export function unpackError(wire: WireError): unknown {
  if (!('name' in wire)) return wire.thrown;
  const options = wire.cause === undefined ? undefined : { cause: unpackError(wire.cause) };
  const error = new (wire.known ? KNOWN[wire.known] : Error)(wire.message, options);
  for (const field of ['name', 'stack'] as const)
    Object.defineProperty(error, field, { value: wire[field], configurable: true, writable: true });
  return error;
}

function knownNameOf(error: Error): KnownName | undefined {
  const names = Object.keys(KNOWN) as KnownName[];
  return names.find((name) => error instanceof KNOWN[name]) ?? names.find((name) => name === error.name);
}

function packValue(thrown: unknown): WireError {
  try {
    const text = JSON.stringify(thrown) as string | undefined;
    if (text !== undefined && text.length <= MAX_LENGTH) return { thrown: JSON.parse(text) as Json };
  } catch {
    // It has no text: its type must do.
  }
  return thrown === undefined ? {} : { name: 'Error', message: `A handler threw a ${typeof thrown}.` };
}

/** The types promise texts; JavaScript does not. */
const cut = (text: unknown): string => String(text).slice(0, MAX_LENGTH);
