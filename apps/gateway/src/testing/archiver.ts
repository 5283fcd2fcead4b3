import { factOf, parseSubject } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import { ProjectionConnection } from '@millrace/read-model';
import type { LogMessage } from '@millrace/read-model';

const NO_LAG = { lag_ms: 0, lag_messages: 0 };

/** Plays the projector: brings the tables to where the log is now. */
export async function archive(log: TaskLog, databaseUrl: string): Promise<void> {
  const connection = await ProjectionConnection.open(databaseUrl);
  try {
    const { createdAt, lastSequence } = await log.admin.state();
    const projection = await connection.resume(createdAt);
    const messages: LogMessage[] = [];
    for (let sequence = projection.sequence + 1; sequence <= lastSequence; sequence++)
      messages.push(await messageAt(log, sequence));
    await projection.apply(messages, NO_LAG);
  } finally {
    await connection.close();
  }
}

async function messageAt(log: TaskLog, sequence: number): Promise<LogMessage> {
  const message = await log.read.messageAt(sequence);
  const place = message && parseSubject(message.subject);
  const fingerprint = (): string => String(sequence);
  if (place?.type !== 'fact') return { sequence, fingerprint, type: 'junk' };
  const fact = factOf(place, sequence, message?.payload ?? '');
  return { sequence, fingerprint, type: 'fact', fact, data: JSON.stringify(fact.data) };
}
