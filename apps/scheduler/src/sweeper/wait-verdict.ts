import type { Fact } from '@millrace/domain';
import type { DueTicket } from '@millrace/log';
import type { LaneFloors } from '@millrace/read-model';

/** A wait is not looked at before it is overdue by so much: timers fire late in a burst, and the clocks of machines differ. */
export const OVERDUE_AFTER_MS = 30_000;

/** The `scheduled` fact of a wait. */
export type Wait = Extract<Fact, { kind: 'scheduled' }>;

/** A fired timer, and where its ticket stands. */
export interface Fired extends Pick<DueTicket, 'after'> {
  sequence: number;
}

/** The last fact of a task, if it is a wait that is overdue. */
export function overdueWait(last: Fact | undefined, now: number, graceMs: number): Wait | undefined {
  if (last?.kind !== 'scheduled') return undefined;
  return Date.parse(last.data.until) + graceMs <= now ? last : undefined;
}

/**
 * Why nothing will end a wait that has no timer any more; undefined if its ticket still is to be delivered, however long the lane.
 *
 * @param fired the last timer that fired for the task in the lane of the wait, looked for after the timer was: a timer that fires in
 * between would be missed
 */
export function lostWait(wait: Wait, fired: Fired | undefined, floors: LaneFloors): string | undefined {
  const { lane, until } = wait.data;
  if (fired?.after !== wait.sequence) return `it has waited since ${until} and has no timer`;
  const floor = floors.get(lane);
  if (floor === undefined || fired.sequence > floor) return undefined;
  return `it has waited since ${until}, and the ticket ${fired.sequence} of its timer is not above the ack floor ${floor} of the lane ${lane}`;
}
