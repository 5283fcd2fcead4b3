import type { Lane } from '@millrace/domain';
import type { HeldPlace } from '@millrace/read-model';

/** Where a task stands among those that wait for a slot. */
export interface Place {
  lane: Lane;
  /** Without it, the last of the lane. */
  rank?: number;
}

/**
 * The place between two neighbours. Behind the last of a lane it stays in that lane, so that it is ahead of what comes later.
 *
 * @returns undefined when no number lies between the two
 */
export function placeBetween(before: HeldPlace | undefined, after: HeldPlace | undefined): Place | undefined {
  if (!before) return { lane: 'front', rank: after?.lane === 'front' ? after.rank - 1 : 0 };
  const { lane } = before;
  if (after?.lane !== lane) return { lane, rank: before.rank + 0.5 };
  const rank = (before.rank + after.rank) / 2;
  return before.rank < rank && rank < after.rank ? { lane, rank } : undefined;
}

/**
 * New places for tasks that stand close together, in their order: ahead of all others. Whoever stops half way leaves the order as it was,
 * for each of them is still ahead of those behind it.
 */
export function placesAhead(tasks: readonly HeldPlace[], count: number): Place[] {
  const [first] = tasks;
  const base = (first?.lane === 'front' ? first.rank : 0) - count;
  return Array.from({ length: count }, (_, i) => ({ lane: 'front', rank: base + i }));
}
