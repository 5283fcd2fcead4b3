import { setTimeout as sleep } from 'node:timers/promises';
import type { SweepQueries } from '@millrace/read-model';

const LOOK_EVERY_MS = 100;

/**
 * Waits until the rows tell of everything up to the sequence, but no longer than the patience: a projector may be away, and rows that are
 * behind only cost more looks into the log.
 */
export async function untilProjected(
  tables: SweepQueries,
  sequence: number,
  patienceMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await hasReached(tables, sequence)) && performance.now() < deadline)
    await sleep(LOOK_EVERY_MS, undefined, { ...(signal && { signal }) });
}

const hasReached = async (tables: SweepQueries, sequence: number): Promise<boolean> =>
  (await tables.projections()).every((projection) => projection.sequence >= sequence);
