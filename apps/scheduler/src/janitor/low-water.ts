/** The log is shortened in steps of so many messages: a purge holds the lock of the stream. */
export const PURGE_STEP = 50_000;

/** What the log still is needed for, each as the first sequence that must stay. */
export interface Needs {
  /** First fact within the age limit; undefined when all are older. */
  withinAge: number | undefined;
  /** First fact of the newest so many finished tasks; undefined when there are not so many. */
  withinCount: number | undefined;
  /** First fact that a task needs which cannot be carried; undefined without any. */
  oldestLive: number | undefined;
  /** How far each projection is. */
  offsets: readonly number[];
}

export interface LowWater {
  /** Everything below this may leave the log, once the waits below it are carried. */
  low: number;
  /** Who keeps it from shrinking to its limits; undefined if nobody does. */
  heldBy: 'task' | 'projector' | undefined;
}

/**
 * The low-water mark. Of the two limits the one that lets go of more counts: the log keeps nothing older than the age and no more than
 * the count.
 *
 * A mark stays good for as long as the log is the same, however late it is acted on: what no task needs now no task will need later. (A
 * task that ended and comes back names its old facts only if they are there.) So two janitors at once, or one that slept, do no harm.
 */
export function lowWater({ withinAge, withinCount, oldestLive, offsets }: Needs): LowWater {
  // Without any projection nothing of the log is anywhere else.
  if (offsets.length === 0) return { low: 0, heldBy: undefined };
  const limit = Math.max(withinAge ?? Infinity, withinCount ?? 0);
  const projected = Math.min(...offsets);
  const live = oldestLive ?? Infinity;
  const low = Math.min(limit, live, projected);
  if (low === limit) return { low, heldBy: undefined };
  if (low === live) return { low, heldBy: 'task' };
  // Without a limit there is only the end of what was projected.
  return { low, heldBy: limit === Infinity ? undefined : 'projector' };
}

/** Where the next step of a purge ends; undefined when it is done. */
export const nextStep = (first: number, low: number): number | undefined =>
  first < low ? Math.min(low, first + PURGE_STEP) : undefined;
