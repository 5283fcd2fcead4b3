import type { Json } from '@millrace/domain';
import type { StoredMessage } from './requests.js';
import { subjects } from './topology.js';
import type { TaskRef } from './topology.js';

/** A signal that was sent to a task: kept in the log, whether anybody waits for it or not. */
export interface Signal {
  sequence: number;
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

/** The signals of a task after a sequence, in order, found by their links from the last one back: nothing is scanned. */
export async function readSignals(read: Messages, task: TaskRef, after: number): Promise<Signal[]> {
  const signals: Signal[] = [];
  let message = await read.lastOn(subjects.ask(task, 'signal'));
  while (message && message.sequence > after) {
    const body = JSON.parse(message.payload) as Partial<Signal> & { prev?: number };
    const { sequence, storedAtMs } = message;
    const { name, payload = null, at = new Date(storedAtMs).toISOString(), prev } = body;
    if (name !== undefined) signals.push({ sequence, name, payload, at });
    message = prev !== undefined && prev > after ? await read.messageAt(prev) : undefined;
  }
  return signals.reverse();
}
