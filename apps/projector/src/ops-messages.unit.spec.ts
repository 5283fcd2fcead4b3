import { describe, expect, it } from '@jest/globals';
import type { AuditEntry } from '@millrace/log';
import { readOpsMessage } from './ops-messages.js';

const STORED = '2026-03-01T09:30:00.000Z';
const AT = '2026-03-01T09:29:59.000Z';

const read = (subject: string, body: unknown) =>
  readOpsMessage({
    subject,
    sequence: 7,
    payload: typeof body === 'string' ? body : JSON.stringify(body),
    storedAtMs: Date.parse(STORED),
  }).note;

describe('a message of the stream OPS', () => {
  it('is a note by its subject, with its body as it was written', () => {
    const body = { id: 'a-1', at: AT, actor: 'api:ops', queue: 'films', prev: 0 };
    expect(read('ops.queue.paused', body)).toEqual({
      noun: 'queue',
      verb: 'paused',
      at: AT,
      actor: 'api:ops',
      data: JSON.stringify(body),
      commands: [],
    });
  });

  it('has the time at which it was stored when it tells none', () => {
    for (const at of [undefined, 'yesterday', 7])
      expect(read('ops.queue.paused', { at })).toMatchObject({ at: STORED, actor: null });
  });

  it('is no note when it has another subject or no body', () => {
    expect(read('ops.queue', {})).toBeUndefined();
    for (const body of ['', 'hello', '[]', 'null']) expect(read('ops.queue.paused', body)).toBeUndefined();
  });

  it('of the audit tells its commands one by one', () => {
    const entry: AuditEntry = {
      at: AT,
      address: '10.0.0.7',
      method: 'DELETE',
      operation: 'cancelTask',
      status: 401,
      code: 'request/unauthenticated',
      correlation_id: 'c-1',
    };
    const known = { ...entry, actor: 'api:ops', role: 'operator', target_type: 'task', target: 't-1' };
    const note = read('ops.audit.commands', { gateway: 'g-1', entries: [entry, known] });
    expect(note?.commands).toEqual([
      { ...entry, actor: null, role: null, target_type: null, target: null },
      known,
    ]);
    expect(read('ops.audit.commands', { gateway: 'g-1', entries: [{}] })?.commands).toEqual([]);
  });
});
