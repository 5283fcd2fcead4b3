import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AUDIT, auditNoteSchema, subjects, verifyChain } from '@millrace/log';
import type { AuditEntry, StoredMessage, TaskLog } from '@millrace/log';
import { openDatabase } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import { spawnApp, waitUntil } from '@millrace/testing';
import type { CreatedKey } from '../keys/keys.schema.js';
import { ADMIN_KEY, GatewayClient } from '../testing/gateway-client.js';
import { archiveOps } from '../testing/ops-archiver.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';
import type { AuditList, AuditVerdict, NoteList } from './audit.schema.js';
import { STRANGERS_A_SECOND } from './stranger-limit.js';

const VERIFY = new URL('../verify-audit.js', import.meta.url);

let gateway: ArchivingGateway;
let other: GatewayClient;
let client: GatewayClient;
let log: TaskLog;
let database: Database;
beforeAll(async () => {
  gateway = await startArchivingGateway({
    meanwhile: async (natsUrl, DATABASE_URL) => {
      other = await GatewayClient.start(natsUrl, { DATABASE_URL, MILLRACE_TRUST_PROXY: '1' });
    },
  });
  ({ client, log } = gateway);
  database = openDatabase(gateway.databaseUrl);
}, 90_000);
afterAll(async () => {
  await database.close();
  await other.stop();
  await gateway.stop();
}, 60_000);

const chain = async (): Promise<StoredMessage[]> =>
  (await log.read.notesFrom(1, 1_000)).filter(
    ({ subject }) => subject === subjects.op(AUDIT.noun, AUDIT.verb),
  );

const entriesOf = (notes: readonly StoredMessage[]): AuditEntry[] =>
  notes.flatMap(({ payload }) => auditNoteSchema.parse(JSON.parse(payload)).entries);

/** The entry of the request with this correlation id, once it is in the log. */
const entryOf = (correlationId: string): Promise<AuditEntry> =>
  waitUntil(async () =>
    entriesOf(await chain()).find(({ correlation_id }) => correlation_id === correlationId),
  );

let calls = 0;
/** Makes a call and resolves with its entry. */
async function audited(
  line: Parameters<GatewayClient['call']>[0],
  options: Parameters<GatewayClient['call']>[1] = {},
  through = client,
): Promise<AuditEntry> {
  const id = `call-${++calls}`;
  await through.call(line, { ...options, headers: { 'x-correlation-id': id, ...options.headers } });
  return entryOf(id);
}

const list = async (query: string): Promise<AuditList> => {
  await archiveOps(log, gateway.databaseUrl);
  return (await client.call<AuditList>(`GET /audit?${query}`)).body;
};

const verify = async (query = ''): Promise<AuditVerdict> => {
  await archiveOps(log, gateway.databaseUrl);
  return (await client.call<AuditVerdict>(`GET /audit/verify?${query}`)).body;
};

const admin = { actor: 'api:admin', role: 'admin', address: '127.0.0.1' };

describe('a command', () => {
  it('that was carried out is in the log when it is answered, with who gave it and what it was to change', async () => {
    const taskId = await client.submit({ task_name: 'work' });
    const headers = { 'x-correlation-id': 'carried-out' };
    await client.call(`DELETE /tasks/${taskId}`, { headers });
    const last = entriesOf((await chain()).slice(-1)).at(-1);
    expect(last).toEqual({
      ...admin,
      at: expect.any(String),
      method: 'DELETE',
      operation: 'cancelTask',
      target_type: 'task',
      target: taskId,
      status: 200,
      correlation_id: 'carried-out',
    });
  });

  it('that submits is told with the task that it made', async () => {
    const body = { task_name: 'work', task_id: 'made-here', parameters: { password: 'hidden-value' } };
    const entry = await audited('POST /tasks', { body });
    expect(entry).toMatchObject({
      ...admin,
      operation: 'submitTask',
      target_type: 'task',
      target: 'made-here',
      status: 202,
    });
    expect(JSON.stringify(await chain())).not.toContain('hidden-value');
  });

  it('that was refused is told with the reason, whoever gave it', async () => {
    const { body: viewer } = await client.call<CreatedKey>('POST /keys', {
      body: { name: 'only-looks', role: 'viewer' },
    });
    const task = { task_name: 'work' };
    const refused = await Promise.all([
      audited('POST /tasks', { body: task, key: 'a-mistyped-key' }),
      audited('POST /tasks', { body: task, key: viewer.key }),
      audited('POST /tasks', { body: { ...task, priority: 99, task_id: 'refused-task' } }),
      audited('POST /tasks', { body: '{"broken' }),
      audited('POST /tasks', { body: { ...task, parameters: 'x'.repeat(2_000_000) } }),
      audited('POST /tasks/no-such-task/pause'),
      audited('DELETE /tasks/made-here%00'),
      audited('POST /keys', { body: { name: 'only-looks', role: 'admin' } }),
    ]);
    expect(refused.map(({ status, code }) => [status, code])).toEqual([
      [401, 'request/unauthenticated'],
      [403, 'request/forbidden'],
      [400, 'request/invalid'],
      [400, 'request/malformed'],
      [413, 'request/too-large'],
      [404, 'task/not-found'],
      [400, 'request/invalid'],
      [409, 'key/already-exists'],
    ]);
    expect(refused[0]).not.toHaveProperty('actor');
    expect(refused[1]).toMatchObject({ actor: 'api:only-looks', role: 'viewer' });
    expect(refused.map(({ target }) => target)).toEqual([
      undefined,
      undefined,
      'refused-task',
      undefined,
      undefined,
      'no-such-task',
      'made-here?',
      'only-looks',
    ]);
    const text = JSON.stringify(await chain());
    for (const secret of [viewer.key, 'a-mistyped-key', ADMIN_KEY]) expect(text).not.toContain(secret);
  });

  it('comes from where the proxy says, if that is trusted', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9, 192.0.2.7' };
    const { address } = await audited('POST /tasks/none/pause', { headers }, other);
    expect(address).toBe('192.0.2.7');
    expect((await audited('POST /tasks/none/pause', { headers })).address).toBe('127.0.0.1');
    const nonsense = { 'x-forwarded-for': 'me' };
    expect((await audited('POST /tasks/none/pause', { headers: nonsense }, other)).address).toBe('127.0.0.1');
  });

  it('is only counted when too many come without a key', async () => {
    const many = 3 * STRANGERS_A_SECOND;
    await Promise.all(Array.from({ length: many }, () => client.call('DELETE /tasks/x', { key: null })));
    const told = await waitUntil(async () => {
      const notes = (await chain()).map(({ payload }) => auditNoteSchema.parse(JSON.parse(payload)));
      const listed = notes.flatMap(({ entries }) => entries.filter(({ target }) => target === 'x')).length;
      const unlisted = notes.reduce((sum, note) => sum + (note.unlisted ?? 0), 0);
      return listed + unlisted >= many && { listed, unlisted };
    });
    expect(told.unlisted).toBeGreaterThan(0);
    expect(told.listed + told.unlisted).toBe(many);
  });
});

describe('the audit', () => {
  it('of two gateways at once is one chain without a gap', async () => {
    const before = (await chain()).length;
    const each = 60;
    const ids = Array.from({ length: 2 * each }, (_, n) => `at-once-${n}`);
    await Promise.all(
      ids.map((id, n) =>
        (n % 2 ? client : other).call(`POST /tasks/${id}/pause`, { headers: { 'x-correlation-id': id } }),
      ),
    );
    await Promise.all(ids.map(entryOf));
    const notes = await chain();
    expect(notes.length).toBeGreaterThan(before + 1);
    expect(verifyChain(notes)).toMatchObject({ checked: notes.length, fault: undefined });
    const gateways = notes
      .slice(before)
      .map(({ payload }) => auditNoteSchema.parse(JSON.parse(payload)).gateway);
    expect(new Set(gateways).size).toBe(2);
    const told = entriesOf(notes).map(({ correlation_id }) => correlation_id);
    for (const id of ids) expect(told.filter((one) => one === id)).toHaveLength(1);
    const { fault, ...verdict } = await verify();
    expect(fault).toBeNull();
    expect(verdict).toMatchObject({
      valid: true,
      chained: notes.length,
      archive: 'compared',
      next_from: null,
    });
  });

  it('is listed command by command, the newest first, by whatever is asked for', async () => {
    const all = await list('limit=500');
    expect(all.items.length).toBeGreaterThan(100);
    expect(all.next_cursor).toBeNull();
    const times = all.items.map(({ at }) => at);
    expect(times).toEqual([...times].sort().reverse());
    const first = await list('limit=7&outcome=refused');
    const second = await list(`limit=7&outcome=refused&cursor=${first.next_cursor}`);
    const refused = all.items.filter(({ outcome }) => outcome === 'refused');
    expect([...first.items, ...second.items]).toEqual(refused.slice(0, 14));
    expect((await list('target=made-here&operation=submitTask')).items).toMatchObject([
      { actor: 'api:admin', target: { type: 'task', id: 'made-here' }, outcome: 'accepted', status: 202 },
    ]);
    expect((await list('actor=api:only-looks')).items).toMatchObject([{ code: 'request/forbidden' }]);
    expect((await list(`since=${times[0]}&until=${times[0]}`)).items).toEqual([]);
    expect((await client.call('GET /audit?cursor=nonsense')).status).toBe(400);
    const { body: notes } = await client.call<NoteList>('GET /audit/notes?noun=audit&limit=2');
    expect(notes.items).toMatchObject([{ actor: 'gateway' }, { verb: 'commands' }]);
    expect(notes.next_cursor).toBe(String(notes.items[1]!.sequence));
  });

  it('is found out when a row of the archive is changed or taken out', async () => {
    const [entry] = (await list('target=made-here&operation=submitTask')).items;
    const { sequence } = entry!;
    const change = (set: string) => database.rows(`UPDATE ${set} WHERE sequence = ${sequence}`);
    await change(`audit_commands SET actor = 'api:somebody-else'`);
    expect(await verify()).toMatchObject({ valid: false, fault: { where: 'archive', sequence } });
    await change(`audit_commands SET actor = 'api:admin'`);
    expect(await verify()).toMatchObject({ valid: true });
    await change(`ops_events SET data = '{}'`);
    expect(await verify()).toMatchObject({ valid: false, fault: { where: 'archive', sequence } });
    const command = spawnApp(VERIFY, { NATS_URL: gateway.nats.url, DATABASE_URL: gateway.databaseUrl });
    expect(await command.exited).toEqual({ code: 1, signal: null });
    expect(command.lines.join()).toContain(`Broken at ${sequence} of the archive`);
    await database.rows(`DELETE FROM ops_events WHERE sequence = ${sequence}`);
    expect((await verify()).fault).toMatchObject({
      where: 'archive',
      reason: expect.stringContaining('does not'),
    });
    expect(await verify(`from=${sequence + 1}`)).toMatchObject({ valid: true });
  });

  it('is found out when somebody else writes into the chain', async () => {
    const forged = await log.note(AUDIT.noun, AUDIT.verb, { gateway: 'me', entries: [] });
    const { valid, fault } = await verify(`from=${forged}`);
    expect([valid, fault]).toEqual([
      false,
      { where: 'stream', sequence: forged, reason: expect.any(String) },
    ]);
    await audited('POST /tasks/none/pause');
    expect(await verify(`from=${forged + 1}`)).toMatchObject({ valid: true });
  });

  it('is for admins', async () => {
    const { body: operator } = await client.call<CreatedKey>('POST /keys', {
      body: { name: 'works', role: 'operator' },
    });
    for (const path of ['/audit', '/audit/notes', '/audit/verify'] as const)
      expect((await client.call(`GET ${path}`, { key: operator.key })).status).toBe(403);
  });

  it('is written before a gateway stops, and waits for a log that is away', async () => {
    const { nats } = gateway;
    await nats.kill();
    const headers = { 'x-correlation-id': 'while-away' };
    expect((await client.call('POST /tasks/none/pause', { headers })).status).toBe(503);
    await nats.restart();
    expect(await entryOf('while-away')).toMatchObject({ status: 503, code: 'log/unavailable' });
    await other.call('POST /tasks/none/pause', { headers: { 'x-correlation-id': 'the-last' } });
    await other.stop();
    expect(entriesOf(await chain()).some(({ correlation_id }) => correlation_id === 'the-last')).toBe(true);
  });
});
