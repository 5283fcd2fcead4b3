import type { Lane } from '@millrace/domain';
import type { LaneFloors } from '@millrace/read-model';

/**
 * Sorts out floors beyond the end of the log: the consumer was made for another log. A new ticket would lie below such a floor as well, so
 * that a repair would only write it again and again.
 *
 * @param lastSequence of the log, read after the floors
 */
export function believableFloors(
  floors: LaneFloors,
  lastSequence: number,
): { believable: LaneFloors; beyond: Lane[] } {
  const isBeyond = ([, floor]: [Lane, number]): boolean => floor > lastSequence;
  return {
    believable: new Map([...floors].filter((entry) => !isBeyond(entry))),
    beyond: [...floors].filter(isBeyond).map(([lane]) => lane),
  };
}
