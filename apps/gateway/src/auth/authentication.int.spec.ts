import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { startTestNats, waitUntil } from '@millrace/testing';
import type { CreatedKey, KeyList } from '../keys/keys.schema.js';
import { ADMIN_KEY, GatewayClient } from '../testing/gateway-client.js';
import { startTestGateway } from '../testing/test-gateway.js';
import type { TestGateway } from '../testing/test-gateway.js';
import type { Role } from './roles.js';

let gateway: TestGateway;
let log: TaskLog;
let client: GatewayClient;

beforeAll(async () => {
  gateway = await startTestGateway();
  ({ log, client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const issue = async (name: string, role: Role): Promise<CreatedKey> => {
  const { status, body } = await client.call<CreatedKey>('POST /keys', { body: { name, role } });
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body;
};

const body = { task_name: 'work' };

describe('a request', () => {
  it('without a key, or with a wrong one, is refused and writes nothing', async () => {
    const { lastSequence } = await log.admin.state();
    for (const key of [null, 'wrong', '']) {
      const answer = await client.call('POST /tasks', { body, key });
      expect(answer).toMatchObject({ status: 401, body: { code: 'request/unauthenticated' } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="millrace"');
    }
    expect((await log.admin.state()).lastSequence).toBe(lastSequence);
  });

  it('may carry its key as a bearer token', async () => {
    const headers = { authorization: `Bearer ${ADMIN_KEY}` };
    expect((await client.call('POST /tasks', { body, headers, key: null })).status).toBe(202);
  });

  it('for the head of an answer needs its key, too', async () => {
    expect((await client.call('HEAD /tasks/a/status', { key: null })).status).toBe(401);
    expect((await client.call('HEAD /keys', { key: null })).status).toBe(401);
  });

  it('is refused before its body is read', async () => {
    const answer = await client.call('POST /tasks', { body: '{"broken', key: null });
    expect(answer.status).toBe(401);
  });

  it('of a role too small is refused and writes nothing', async () => {
    const viewer = await issue('only-looks', 'viewer');
    const operator = await issue('also-works', 'operator');
    const taskId = await client.submit(body);
    const { lastSequence } = await log.admin.state();
    const refused = await Promise.all([
      client.call('POST /tasks', { body, key: viewer.key }),
      client.call('POST /tasks/bulk', { body: { tasks: [body] }, key: viewer.key }),
      client.call(`DELETE /tasks/${taskId}`, { key: viewer.key }),
      client.call(`POST /tasks/${taskId}/retry`, { key: viewer.key }),
      client.call('GET /keys', { key: operator.key }),
      client.call('POST /keys', { body: { name: 'x', role: 'admin' }, key: operator.key }),
    ]);
    for (const answer of refused)
      expect(answer).toMatchObject({ status: 403, body: { code: 'request/forbidden' } });
    expect(refused[0].body.detail).toBe(
      'The key "only-looks" is a viewer; this needs the role operator. Ask an admin for a key that has it.',
    );
    expect((await log.admin.state()).lastSequence).toBe(lastSequence);
    expect((await client.call(`GET /tasks/${taskId}/status`, { key: viewer.key })).status).toBe(200);
    expect((await client.call(`DELETE /tasks/${taskId}`, { key: operator.key })).status).toBe(200);
    expect(await log.read.lastFact({ queue: 'default', task_id: taskId })).toMatchObject({
      actor: 'api:also-works',
    });
  });

  it('of health, documents and problems needs no key', async () => {
    const paths = ['/health/live', '/health/ready', '/openapi.json', '/docs', '/problems'] as const;
    for (const path of paths) expect((await client.fetch(`GET ${path}`, { key: null })).status).toBe(200);
    const root = await client.fetch('GET /', { key: null });
    expect(root).toMatchObject({ status: 302 });
    expect(root.headers.get('location')).toBe('/docs');
  });
});

describe('a key', () => {
  it('is kept as its hash alone', async () => {
    const { key, id } = await issue('secretive', 'viewer');
    const records = await log.buckets.keys.entries();
    expect(JSON.stringify(records)).not.toContain(key);
    expect(records.find((record) => record.key.startsWith(id))?.value).toMatchObject({
      name: 'secretive',
      role: 'viewer',
    });
    const { body } = await client.call<KeyList>('GET /keys');
    expect(JSON.stringify(body)).not.toContain(key);
    expect(body.items.map(({ name }) => name)).toEqual(expect.arrayContaining(['admin', 'secretive']));
  });

  it('has a name of its own', async () => {
    await issue('twice', 'viewer');
    const again = await client.call('POST /keys', { body: { name: 'twice', role: 'admin' } });
    expect(again).toMatchObject({ status: 409, body: { code: 'key/already-exists' } });
  });

  it('opens nothing any more once it is deleted, at every gateway', async () => {
    const other = await GatewayClient.start(gateway.nats.url);
    const { key, id } = await issue('short-lived', 'viewer');
    await waitUntil(async () => (await other.call('GET /handlers', { key })).status === 200);
    expect((await client.call(`DELETE /keys/${id}`)).status).toBe(204);
    expect((await client.call('GET /handlers', { key })).status).toBe(401);
    await waitUntil(async () => (await other.call('GET /handlers', { key })).status === 401);
    expect((await client.call(`DELETE /keys/${id}`)).status).toBe(404);
    await other.stop();
  });

  it('of the last admin cannot be deleted', async () => {
    const { body } = await client.call<KeyList>('GET /keys');
    const admins = body.items.filter(({ role }) => role === 'admin');
    expect(admins).toHaveLength(1);
    const answer = await client.call(`DELETE /keys/${admins[0]!.id}`);
    expect(answer).toMatchObject({ status: 409, body: { code: 'key/last-admin' } });
  });
});

describe('the first start', () => {
  it('makes an admin key, shows it once, and later starts do not', async () => {
    const fresh = await startTestNats();
    const first = await GatewayClient.start(fresh.url, { MILLRACE_ADMIN_KEY: '' });
    const shown = first.lines.filter((line) => line.includes('"key":"mr_'));
    expect(shown).toHaveLength(1);
    const { key } = JSON.parse(shown[0]!) as { key: string };
    expect((await first.call('GET /keys', { key })).status).toBe(200);
    await first.stop();
    const second = await GatewayClient.start(fresh.url, { MILLRACE_ADMIN_KEY: '' });
    expect((await second.call('GET /keys', { key })).status).toBe(200);
    expect(second.lines.join()).not.toContain('mr_');
    await second.stop();
    await fresh.stop();
  });

  it('may be told to ask for no keys at all', async () => {
    const open = await GatewayClient.start(gateway.nats.url, { MILLRACE_AUTH: 'off' });
    expect((await open.call('GET /keys', { key: null })).status).toBe(200);
    await open.stop();
  });

  it('names every wrong setting at once', async () => {
    const started = GatewayClient.start(gateway.nats.url, { PORT: 'abc', MILLRACE_ADMIN_KEY: 'short' });
    await expect(started).rejects.toThrow(
      /ended with 1:\nThe configuration has 2 faults:\n.*PORT: must be a whole number.*\n.*MILLRACE_ADMIN_KEY: must have/,
    );
  });
});
