import { createHash } from 'node:crypto';
import type { Fact } from '@millrace/domain';
import { BadBodyError, decodeDue, factOf, parseSubject } from '@millrace/log';
import type { StoredMessage } from '@millrace/log';
import type { LogMessage } from '@millrace/read-model';

/** Reads messages as they are asked for; see {@link readMessage}. */
export function* readMessages(
  messages: Iterable<StoredMessage>,
  onJunk: (error: BadBodyError) => void,
): Generator<LogMessage> {
  for (const message of messages) yield readMessage(message, onJunk);
}

/** Reads a message of the log for the projection. It never fails: what cannot be read is junk, told to `onJunk`. */
export function readMessage(message: StoredMessage, onJunk: (error: BadBodyError) => void): LogMessage {
  const { sequence } = message;
  const fingerprint = (): string => fingerprintOf(message);
  try {
    return { sequence, fingerprint, ...contentOf(message) };
  } catch (error) {
    if (!(error instanceof BadBodyError)) throw error;
    onJunk(error);
    return { sequence, fingerprint, type: 'junk' };
  }
}

/** Tells a message from any other: a body carries the id of its event, a subject its task. */
export const fingerprintOf = ({ subject, payload }: Pick<StoredMessage, 'subject' | 'payload'>): string =>
  createHash('sha256').update(subject).update('\n').update(payload).digest('base64url');

type WithoutPlace<T> = T extends unknown ? Omit<T, 'sequence' | 'fingerprint'> : never;

function contentOf({ subject, sequence, payload, storedAtMs }: StoredMessage): WithoutPlace<LogMessage> {
  const parsed = parseSubject(subject);
  switch (parsed.type) {
    case 'fact': {
      const fact = factOf(parsed, sequence, payload);
      refuseTimeless(fact);
      return { type: 'fact', fact, data: dataIn(payload) ?? JSON.stringify(fact.data) };
    }
    case 'due': {
      const { after } = decodeDue(parsed, sequence, payload);
      const at = new Date(storedAtMs).toISOString();
      return { type: 'due', due: { task_id: parsed.task_id, sequence, after, at } };
    }
    case 'timer':
    case 'ask':
    case 'other':
      throw new BadBodyError(`No fact has the subject ${subject}.`);
  }
}

/** The envelope as our writers put it: first, in this order, of the version whose bodies need no lifting. */
const ENVELOPE = /^\{"v":1,"id":"[^"\\]*","prev":\d+,"at":"[^"\\]*","actor":"[^"\\]*"(?:,|(?=\}))/;

/** The body less its envelope, cut out of the text: to write the data as JSON once more would cost as much as to read it. */
function dataIn(payload: string): string | undefined {
  const envelope = ENVELOPE.exec(payload)?.[0];
  return envelope && `{${payload.slice(envelope.length)}`;
}

/** The codec takes any text for a time; a row cannot. */
function refuseTimeless(fact: Fact): void {
  const times = [fact.at];
  if ('task' in fact.data) {
    times.push(fact.data.task.submitted_at);
    if (fact.data.task.expires_at !== undefined) times.push(fact.data.task.expires_at);
  }
  if ('until' in fact.data) times.push(fact.data.until);
  const wrong = times.find((time) => Number.isNaN(Date.parse(time)));
  if (wrong !== undefined)
    throw new BadBodyError(`The ${fact.kind} ${fact.sequence}: "${wrong}" is no time.`);
}
