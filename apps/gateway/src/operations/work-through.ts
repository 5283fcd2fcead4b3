import type { Target } from './targets.service.js';
import { Pace } from './pace.js';
import type { Tally } from './tally.js';

/** So many tasks are under way: enough to fill the line to the log, and all that is held of those that are to come. */
const AT_ONCE = 256;

/** Something that is done to many tasks, one by one. */
export interface Work {
  targets: (tally: Tally) => AsyncGenerator<Target, undefined>;
  /** What it throws is counted as the refusal of this task. */
  act: (target: Target) => Promise<void>;
  /** As fast as it goes when left out. */
  ratePerSecond?: number | undefined;
}

/**
 * Begins the tasks in the order in which they are found. Resolves when all are through, or those that were begun when `stop` aborted or
 * the log or Postgres went away.
 */
export async function workThrough(work: Work, tally: Tally, stop: AbortSignal): Promise<void> {
  const over = AbortSignal.any([stop, tally.failed]);
  const found = work.targets(tally);
  const pace = new Pace(work.ratePerSecond);
  const lane = async (): Promise<void> => {
    for (;;) {
      const { value: target, done } = await found.next();
      if (done) return;
      if (work.ratePerSecond !== undefined) await pace.turn(over);
      if (over.aborted) {
        tally.hasMore = true;
        return;
      }
      tally.matched++;
      try {
        await work.act(target);
        tally.done++;
      } catch (error) {
        tally.judge(target.row.id, error);
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: AT_ONCE }, lane));
  for (const one of lanes) if (one.status === 'rejected') tally.fail(one.reason);
}
