/** The log is shortened in steps of so many messages: a purge holds the lock of the stream. */
export const PURGE_STEP = 50_000;

/** What the log is kept for, whatever its tasks need; each as the first sequence that must stay. */
export interface Needs {
  /** First fact within the age limit; undefined when all are older. */
  withinAge: number | undefined;
  /** First fact of the newest so many finished tasks; undefined when there are not so many. */
  withinCount: number | undefined;
  /** How far each projection is. */
  offsets: readonly number[];
}

export interface LowWater {
  /** Everything below this may leave the log, but for what tasks need that have not ended. */
  mark: number;
  /** A projection keeps the log from shrinking to its limits. */
  isHeldByProjector: boolean;
}

/**
 * The low-water mark. Of the two limits the one that lets go of more counts: the log keeps nothing older than the age and no more than
 * the count.
 *
 * A mark stays good for as long as the log is the same, however late it is acted on: what no task needs now no task will need later. (A
 * task that ended and comes back names its old facts only if they are there.) So two janitors at once, or one that slept, do no harm.
 */
export function lowWater({ withinAge, withinCount, offsets }: Needs): LowWater {
  // Without any projection nothing of the log is anywhere else.
  if (offsets.length === 0) return { mark: 0, isHeldByProjector: false };
  const limit = Math.max(withinAge ?? Infinity, withinCount ?? 0);
  const mark = Math.min(limit, ...offsets);
  // Without a limit there is only the end of what was projected.
  return { mark, isHeldByProjector: mark < limit && limit !== Infinity };
}

/** Where the next step of a purge ends; undefined when it is done. */
export const nextStep = (first: number, low: number): number | undefined =>
  first < low ? Math.min(low, first + PURGE_STEP) : undefined;
