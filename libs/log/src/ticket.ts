import type { Lane } from '@millrace/domain';
import type { Msg } from '@nats-io/transport-node';
import { deliveryOf } from './delivery.js';
import type { Outbox } from './outbox.js';
import { parseSubject } from './topology.js';

/** What a worker pulls: a message that makes a task ready. Acknowledgements go by stream sequence, so only its holder may send them. */
export interface Ticket {
  /** Sequence in the stream: the identity of the ticket. */
  sequence: number;
  queue: string;
  lane: Lane;
  task_id: string;
  /** Whether a timer fired it; else it is a ready fact. */
  due: boolean;
  payload: string;
  /** The task needs the ticket no more. */
  ack: () => void;
  /** Give it to somebody else: at once, or after a while. */
  nak: (delayMs?: number) => void;
  /** Still at work: the lease starts anew. */
  extend: () => void;
}

/** Undefined when the message is no ticket of ours. */
export function ticketOf(message: Msg, outbox: Outbox): Ticket | undefined {
  const reply = message.reply ?? '';
  const place = parseSubject(message.subject);
  const due = place.type === 'due';
  if (!due && place.type !== 'fact') return undefined;
  return {
    sequence: deliveryOf(reply).sequence,
    queue: place.queue,
    // The consumer delivers from its lane only.
    lane: due ? place.lane : (place.kind as Lane),
    task_id: place.task_id,
    due,
    payload: message.string(),
    ack: () => answer(outbox, reply, '+ACK'),
    nak: (delayMs) =>
      answer(outbox, reply, delayMs === undefined ? '-NAK' : `-NAK {"delay":${delayMs * 1e6}}`),
    extend: () => answer(outbox, reply, '+WPI'),
  };
}

/** Ends a message that no worker could ever use; else it would come back at every lease and hold the ack floor for ever. */
export const terminate = (message: Msg, outbox: Outbox): void => {
  answer(outbox, message.reply ?? '', '+TERM');
};

/** Gives a ticket to somebody else at once; the server confirms when it is to be had again. */
export const giveBack = (message: Msg, outbox: Outbox, confirmTo: string): void => {
  answer(outbox, message.reply ?? '', '-NAK', confirmTo);
};

function answer(outbox: Outbox, reply: string, word: string, confirmTo = ''): void {
  try {
    outbox.publish(reply, confirmTo, '', word);
  } catch {
    // The connection is closed: the lease runs out.
  }
}
