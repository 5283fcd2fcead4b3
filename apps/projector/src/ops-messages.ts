import { AUDIT, auditNoteSchema, parseOp } from '@millrace/log';
import type { StoredMessage } from '@millrace/log';
import { auditedCommand } from '@millrace/read-model';
import type { AuditedCommand, OpsMessage, OpsNote } from '@millrace/read-model';
import { fingerprintOf } from './log-messages.js';

/** Reads a message of the stream `OPS` for its projection. It never fails: what is no note, has none. */
export const readOpsMessage = (message: StoredMessage): OpsMessage => ({
  sequence: message.sequence,
  fingerprint: () => fingerprintOf(message),
  note: noteOf(message),
});

function noteOf({ subject, payload, storedAtMs }: StoredMessage): OpsNote | undefined {
  const op = parseOp(subject);
  const body = parseObject(payload);
  if (!op || !body) return undefined;
  const { at, actor } = body as { at?: unknown; actor?: unknown };
  const isTime = typeof at === 'string' && !Number.isNaN(Date.parse(at));
  return {
    ...op,
    at: isTime ? at : new Date(storedAtMs).toISOString(),
    actor: typeof actor === 'string' ? actor : null,
    data: payload,
    commands: op.noun === AUDIT.noun && op.verb === AUDIT.verb ? commandsOf(body) : [],
  };
}

function parseObject(payload: string): object | undefined {
  try {
    const body: unknown = JSON.parse(payload);
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

const commandsOf = (body: object): AuditedCommand[] =>
  auditNoteSchema.safeParse(body).data?.entries.map(auditedCommand) ?? [];
