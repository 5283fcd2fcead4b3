import type { Json } from '@millrace/domain';
import * as errors from '../errors.js';
import { legible } from '../execution/legible.js';

/** Whatever was thrown, as it crosses the border between two processes. */
export type WireError =
  | {
      name: string;
      message: string;
      stack?: string;
      cause?: WireError;
      /** Which of our classes it is an instance of. */
      known?: KnownName;
      /** What else it carries: the `seconds` of a `RetryLater`, the `code` of a failed system call. */
      fields?: Record<string, Json>;
    }
  /** Not an error: anything can be thrown. */
  | { thrown?: Json };

type KnownName = keyof typeof errors;
const KNOWN = Object.entries(errors) as [KnownName, { prototype: Error }][];

/** A text of an error is cut to so many characters. */
const MAX_LENGTH = 64 * 1024;
/** Causes of causes are followed so far; they may go in a circle. */
const MAX_DEPTH = 8;

export function packError(thrown: unknown, depth = 0): WireError {
  const error = legible(thrown);
  if (!(error instanceof Error)) return packValue(error);
  const { name, message, stack, cause, ...others } = error;
  const known = knownNameOf(error);
  const fields = jsonOf(others);
  return {
    name: cut(name),
    message: cut(message),
    ...(stack !== undefined && { stack: cut(stack) }),
    ...(cause !== undefined && depth < MAX_DEPTH && { cause: packError(cause, depth + 1) }),
    ...(known && { known }),
    ...(fields !== undefined && { fields: fields as Record<string, Json> }),
  };
}

/** An instance of one of our classes where it was one, or a subclass, or has its name; else a plain Error with the name it had. */
export function unpackError(wire: WireError): unknown {
  if (!('name' in wire)) return wire.thrown;
  const error = new Error(wire.message, wire.cause && { cause: unpackError(wire.cause) });
  if (wire.known) Object.setPrototypeOf(error, errors[wire.known].prototype);
  Object.assign(error, wire.fields);
  for (const field of ['name', 'stack'] as const)
    Object.defineProperty(error, field, { value: wire[field], configurable: true, writable: true });
  return error;
}

function knownNameOf(error: Error): KnownName | undefined {
  for (let at: unknown = error; at !== null; at = Object.getPrototypeOf(at) as unknown) {
    const known = KNOWN.find(([, { prototype }]) => prototype === at);
    if (known) return known[0];
  }
  return KNOWN.find(([name]) => name === error.name)?.[0];
}

function packValue(thrown: unknown): WireError {
  if (thrown === undefined) return {};
  const json = jsonOf(thrown);
  return json === undefined
    ? { name: 'Error', message: `A handler threw a ${typeof thrown}.` }
    : { thrown: json };
}

/** Undefined when the value has no text, or too long a one. */
function jsonOf(value: unknown): Json | undefined {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined || text.length > MAX_LENGTH ? undefined : (JSON.parse(text) as Json);
  } catch {
    return undefined;
  }
}

/** The types promise texts; JavaScript does not. */
const cut = (text: unknown): string => String(text).slice(0, MAX_LENGTH);
