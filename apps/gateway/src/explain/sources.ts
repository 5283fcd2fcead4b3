import { LogRefusedError, LogUnavailableError } from '@millrace/log';
import { ProblemError } from '../http/problem.js';
import { UNKNOWN } from './situation.js';
import type { Known } from './situation.js';

/** Whoever asks why nothing happens must not wait for a slow Postgres. */
const ARCHIVE_WITHIN_MS = 1_000;

/** What the log tells; unknown when it does not. */
export async function fromLog<T>(read: () => Promise<T>): Promise<Known<T>> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof LogUnavailableError || error instanceof LogRefusedError) return UNKNOWN;
    throw error;
  }
}

/** What Postgres tells; unknown when it does not, or not at once. */
export async function fromArchive<T>(read: () => Promise<T>): Promise<Known<T>> {
  const isLate = new Promise<typeof UNKNOWN>((resolve) => {
    setTimeout(resolve, ARCHIVE_WITHIN_MS, UNKNOWN).unref();
  });
  return Promise.race([read().catch(ifAway), isLate]);
}

function ifAway(error: unknown): typeof UNKNOWN {
  if (error instanceof ProblemError && error.code === 'archive/unavailable') return UNKNOWN;
  throw error;
}
