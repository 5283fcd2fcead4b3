import type { Msg } from '@nats-io/transport-node';
import type { StoredMessage } from './requests.js';

/** Where a delivered message stands in its stream and in its consumer. */
export interface Delivery {
  /** Sequence in the stream. */
  sequence: number;
  /** Number among the deliveries of the consumer, from 1. */
  delivery: number;
  storedAtMs: number;
  /** Messages that the consumer has not delivered yet. */
  pending: number;
}

/**
 * Reads the subject on which a delivery is acknowledged:
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time in ns>.<pending>`, or with
 * `<domain>.<account>.` before the stream and perhaps more at the end.
 */
export function deliveryOf(replySubject: string | undefined): Delivery {
  const tokens = (replySubject ?? '').split('.');
  const first = tokens.length > SHORT_FORM ? 7 : 5;
  return {
    sequence: Number(tokens[first]),
    delivery: Number(tokens[first + 1]),
    storedAtMs: Math.floor(Number(tokens[first + 2]) / 1e6),
    pending: Number(tokens[first + 3]),
  };
}

const SHORT_FORM = 9;

export const storedMessageOf = (message: Msg, { sequence, storedAtMs }: Delivery): StoredMessage => ({
  subject: message.subject,
  sequence,
  payload: message.string(),
  storedAtMs,
});
