import { rest } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';

const LOCK_RETRY_MS = 250;

/** Waits until this process is the one writer of a projection, or is told to stop. */
export async function takeLock(
  connection: { tryLock: () => Promise<boolean> },
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  for (let isFirst = true; !signal.aborted && !(await connection.tryLock()); isFirst = false) {
    if (isFirst) logger.info('Another projector writes these tables; waiting for its end');
    await rest(LOCK_RETRY_MS, signal);
  }
}
