import { JetStreamApiError } from '@nats-io/jetstream';
import { LogRefusedError, LogUnavailableError } from './errors.js';

/**
 * Asks the broker through the client's own API, and tells what goes wrong in our words.
 *
 * @throws LogRefusedError when the server refused
 * @throws LogUnavailableError for everything else: then there was no answer
 */
export async function answered<R>(ask: () => Promise<R>): Promise<R> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof LogRefusedError) throw cause;
    if (cause instanceof JetStreamApiError && cause.status < 500)
      throw new LogRefusedError(cause.code, cause.message);
    throw new LogUnavailableError('The log did not answer in time.', { cause });
  }
}

/** Undefined when the server refused with one of the codes. */
export async function unlessRefused<R>(
  codes: ReadonlySet<number>,
  ask: () => Promise<R>,
): Promise<R | undefined> {
  try {
    return await answered(ask);
  } catch (error) {
    if (error instanceof LogRefusedError && codes.has(error.code)) return undefined;
    throw error;
  }
}
