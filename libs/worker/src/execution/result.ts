import type { Json } from '@millrace/domain';
import { UnrecoverableError } from '../errors.js';

/** A result may have so many bytes as JSON. */
const RESULT_BYTES = 512 * 1024;

/**
 * What a handler returned, as JSON; nothing becomes null.
 *
 * @throws UnrecoverableError when it is no JSON or too large: the next attempt would return the same
 */
export function resultOf(value: unknown): Json {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' || typeof value === 'boolean') return JSON.parse(textOf(value)) as Json;
  const text = textOf(value);
  if (text.length > RESULT_BYTES || Buffer.byteLength(text) > RESULT_BYTES)
    throw new UnrecoverableError(
      `The result has ${text.length} bytes as JSON; at most ${RESULT_BYTES} are kept. Store it elsewhere and return where it is.`,
    );
  // Whatever has a toJSON of its own must be read back, else the log and this process would disagree on what was returned.
  return JSON.parse(text) as Json;
}

function textOf(value: unknown): string {
  try {
    // Functions and symbols have no text at all.
    const text = JSON.stringify(value) as string | undefined;
    if (text !== undefined) return text;
  } catch (cause) {
    throw new UnrecoverableError(
      `The result is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  }
  throw new UnrecoverableError(`The result is no JSON: a handler returned a ${typeof value}.`);
}
