import type { Json } from '@millrace/domain';
import { UnrecoverableError } from '../errors.js';
import { packError } from './wire-error.js';
import type { WireError } from './wire-error.js';

/**
 * What the pool and its children tell each other over Node's IPC channel. The tag is named after the project: handlers and their
 * libraries may use the channel too, and what they send is left alone. Values travel as JSON text, so that each is checked and measured
 * by the side that has it.
 */
export type ToChild =
  | { millrace: 'run'; run: number; job: string }
  | { millrace: 'abort'; run: number; reason: WireError }
  | ({ millrace: 'answer'; run: number; call: number } & Settled);

export type FromChild =
  | { millrace: 'ready' }
  | { millrace: 'call'; run: number; call: number; method: string; args: string }
  | { millrace: 'notify'; run: number; method: string; args: string }
  | ({ millrace: 'done'; run: number; rssBytes: number } & Settled);

export type Settled = { value: string } | { error: WireError };

/** Characters that one value may have as JSON. */
const MAX_LENGTH = 16 * 1024 * 1024;

/**
 * A value as JSON text; nothing becomes null.
 *
 * @throws UnrecoverableError when it is no JSON or too long: the next attempt would say the same
 */
export function textOf(what: string, value: unknown): string {
  const text = stringify(what, value ?? null);
  // Functions and symbols have no text at all.
  if (text === undefined) throw new UnrecoverableError(`${what} is no JSON but a ${typeof value}.`);
  if (text.length <= MAX_LENGTH) return text;
  throw new UnrecoverableError(
    `${what} has ${text.length} characters as JSON; at most ${MAX_LENGTH} can leave its process.`,
  );
}

export const valueOf = (text: string): Json => JSON.parse(text) as Json;

export function isOurs(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'millrace' in message;
}

/** What a piece of work ended with, ready to be sent. Never rejects. */
export async function settle(what: string, work: () => Promise<unknown>): Promise<Settled> {
  try {
    return { value: textOf(what, await work()) };
  } catch (error) {
    return { error: packError(error) };
  }
}

function stringify(what: string, value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new UnrecoverableError(
      `${what} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
