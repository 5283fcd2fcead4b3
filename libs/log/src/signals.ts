import type { Json } from '@millrace/domain';
import type { StoredMessage } from './requests.js';
import { subjects } from './topology.js';
import type { TaskRef } from './topology.js';

/** A signal that was sent to a task: kept in the log, whether anybody waits for it or not. */
export interface Signal {
  /** By which runs remember that they took it, and the order of signals. Its first one, if it was carried. */
  sequence: number;
  /** Where it stands in the log now. */
  stored: number;
  name: string;
  payload: Json;
  /** When it was sent. */
  at: string;
}

/** What a reader of signals needs: see {@link Reader}. */
interface Messages {
  lastOn: (subject: string) => Promise<StoredMessage | undefined>;
  messageAt: (sequence: number) => Promise<StoredMessage | undefined>;
}

/**
 * The signals of a task after a sequence, in order, found by their links from the last one back: nothing is scanned. One that the janitor
 * has carried may be there twice, and counts once.
 */
export async function readSignals(read: Messages, task: TaskRef, after: number): Promise<Signal[]> {
  const signals = new Map<number, Signal>();
  let message = await read.lastOn(subjects.ask(task, 'signal'));
  while (message && message.sequence > after) {
    const body = JSON.parse(message.payload) as Partial<Signal> & { prev?: number; carried?: number };
    const { sequence: stored, storedAtMs } = message;
    const { name, payload = null, at = new Date(storedAtMs).toISOString(), prev, carried } = body;
    const sequence = carried ?? stored;
    // The newest of several stays the longest; it is met first.
    if (name !== undefined && sequence > after && !signals.has(sequence))
      signals.set(sequence, { sequence, stored, name, payload, at });
    message = prev !== undefined && prev > after ? await read.messageAt(prev) : undefined;
  }
  return [...signals.values()].sort((a, b) => a.sequence - b.sequence);
}
