import type { Fact } from './facts.js';

/**
 * Whether a task whose last fact this is may have a slot of the limits of its queue.
 *
 * @param held sequence of the `held` fact by which it is said to have got its slot
 */
export function mayHoldSlot(last: Fact, held: number): boolean {
  switch (last.kind) {
    case 'held':
      return last.sequence === held;
    case 'started':
    case 'progress':
    case 'checkpoint':
    case 'step':
      return true;
    case 'yielded':
      return last.data.run.slot === true;
    case 'scheduled':
    case 'paused':
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'cleaned':
      return false;
    case 'front':
    case 'p10':
    case 'p9':
    case 'p8':
    case 'p7':
    case 'p6':
    case 'p5':
    case 'p4':
    case 'p3':
    case 'p2':
    case 'p1':
    case 'p0':
      return last.data.slot === true;
  }
}
