import type { Lane, Run, TaskState } from '@millrace/domain';
import type { LaneFloors } from '@millrace/read-model';

/** What is to be done about the ticket of a task. */
export type TicketVerdict =
  | { action: 'leave' }
  /** A ready task whose ticket will not be delivered again. */
  | { action: 'repair'; because: string }
  /** The same of a running task: if its worker lives, it needs no ticket; if not, nothing will ever take the task over. */
  | { action: 'ask'; run: Run; because: string };

const LEAVE: TicketVerdict = { action: 'leave' };

/**
 * Whether the ticket of a task is lost.
 *
 * @param state the task as the log has it, read after the floors: a ticket above them may have been acknowledged since and looks alive
 * until the next look, but a ticket at or below them, of a task that still needs it, is gone
 * @param floors ack floors of the lanes of its queue. They are lower bounds: what lies below is done, above it some may be, too
 */
export function judgeTicket(state: TaskState, floors: LaneFloors): TicketVerdict {
  switch (state.phase) {
    case 'ready': {
      const because = lostBelow(state.ticket, state.lane, floors);
      return because === undefined ? LEAVE : { action: 'repair', because };
    }
    case 'running': {
      const because = lostBelow(state.run.ticket, state.lane, floors);
      return because === undefined ? LEAVE : { action: 'ask', run: state.run, because };
    }
    case 'none':
    case 'scheduled':
    case 'held':
    case 'paused':
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'cleaned':
      return LEAVE;
  }
}

/** Why the ticket is lost; undefined if it is not. A lane without a consumer delivers all of its tickets once it has one. */
function lostBelow(ticket: number, lane: Lane, floors: LaneFloors): string | undefined {
  const floor = floors.get(lane);
  if (floor === undefined || ticket > floor) return undefined;
  return `its ticket ${ticket} is not above the ack floor ${floor} of the lane ${lane}`;
}
