import { AUDIT, auditNoteSchema, parseOp, streams } from '@millrace/log';
import type { StoredMessage, TaskLog } from '@millrace/log';
import { OpsConnection, auditedCommand } from '@millrace/read-model';
import type { OpsMessage } from '@millrace/read-model';

const NO_LAG = { lag_ms: 0, lag_messages: 0 };
const AT_ONCE = 1_000;

/** Plays the projector for the stream OPS: brings its tables to where it is now. */
export async function archiveOps(log: TaskLog, databaseUrl: string): Promise<void> {
  const connection = await OpsConnection.open(databaseUrl);
  try {
    const { createdAt } = await log.admin.state(streams.ops.name);
    const projection = await connection.resume(createdAt);
    const messages = await log.read.notesFrom(projection.sequence + 1, AT_ONCE);
    await projection.apply(messages.map(messageOf), NO_LAG);
  } finally {
    await connection.close();
  }
}

function messageOf({ subject, sequence, payload, storedAtMs }: StoredMessage): OpsMessage {
  const op = parseOp(subject) ?? { noun: '', verb: '' };
  const body = JSON.parse(payload) as { at?: string; actor?: string };
  const entries = op.noun === AUDIT.noun ? (auditNoteSchema.safeParse(body).data?.entries ?? []) : [];
  const { at = new Date(storedAtMs).toISOString(), actor = null } = body;
  const note = { ...op, at, actor, data: payload, commands: entries.map(auditedCommand) };
  return { sequence, fingerprint: () => String(sequence), note };
}
