import { LogUnavailableError } from '@millrace/log';
import type { CleanupAnswer, CleanupRequest } from '@millrace/log';
import { isDatabaseAway } from '@millrace/read-model';
import { OtherLogError } from './cleanup.js';
import type { Cleanup } from './cleanup.js';

/** The answer to a gateway that has asked for a run; it tells its callers in the words of HTTP. */
export async function answerTo(cleanup: Cleanup, request: CleanupRequest): Promise<CleanupAnswer> {
  try {
    return { report: await cleanup.run(request) };
  } catch (error) {
    return { refused: { code: codeOf(error), detail: detailOf(error) } };
  }
}

function codeOf(error: unknown): string {
  if (isDatabaseAway(error)) return 'archive/unavailable';
  if (error instanceof OtherLogError) return 'archive/behind';
  return error instanceof LogUnavailableError ? 'log/unavailable' : 'gateway/internal';
}

const detailOf = (error: unknown): string =>
  isDatabaseAway(error)
    ? 'Postgres is away, so that nobody knows which tasks are due. Try again when it is back.'
    : error instanceof Error
      ? error.message
      : String(error);
