import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RebuildRecord } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import { archive } from '../testing/archiver.js';
import type { GatewayClient } from '../testing/gateway-client.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';
import type { ProjectionList, RebuildView } from './projections.schema.js';

let gateway: ArchivingGateway;
let client: GatewayClient;

beforeAll(async () => {
  gateway = await startArchivingGateway();
  ({ client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const REBUILD = '/admin/projections/rebuild';

/** What a projector would write. */
async function tell(changes: Partial<RebuildRecord>): Promise<void> {
  const { rebuilds } = gateway.log.buckets;
  const entry = await rebuilds.get('tasks');
  await rebuilds.put('tasks', { ...entry!.value, ...changes });
}

describe('the projections', () => {
  it('are shown with how far they are, and without a rebuild as long as nobody asked for one', async () => {
    expect((await client.call(`DELETE ${REBUILD}`)).body).toMatchObject({ code: 'rebuild/not-found' });
    await client.submit({ task_name: 'work' });
    await archive(gateway.log, gateway.databaseUrl);
    const { body } = await client.call<ProjectionList>('GET /admin/projections');
    const { lastSequence } = await gateway.log.admin.state();
    expect(body.items).toEqual([
      expect.objectContaining({ name: 'tasks', sequence: lastSequence, version: '1', rebuild: null }),
    ]);
  });
});

describe('a rebuild', () => {
  it('is asked for once at a time, followed, and asked for again when it has ended', async () => {
    const asked = await client.call<RebuildView>(`POST ${REBUILD}`, { body: { swap: false } });
    expect(asked).toMatchObject({ status: 202, body: { phase: 'asked', from: 'archive', swap: false } });
    const again = await client.call<Problem>(`POST ${REBUILD}`);
    expect(again).toMatchObject({ status: 409, body: { code: 'rebuild/running' } });
    expect(again.body.detail).toContain(asked.body.id);
    const started_at = new Date(Date.now() - 2_000).toISOString();
    const alive_at = new Date(Date.parse(started_at) + 2_000).toISOString();
    await tell({ phase: 'reading-log', started_at, alive_at, facts_done: 500, facts_total: 900 });
    const { body } = await client.call<ProjectionList>('GET /admin/projections');
    expect(body.items[0]?.rebuild).toMatchObject({
      phase: 'reading-log',
      facts_done: 500,
      events_per_second: 250,
    });
    await tell({ phase: 'done' });
    expect((await client.call(`POST ${REBUILD}`)).status).toBe(202);
    const note = await gateway.log.read.lastOn('ops.projection.rebuild-asked', 'OPS');
    expect(JSON.parse(note?.payload ?? '{}')).toMatchObject({ from: 'archive', swap: true });
  });

  it('is cancelled, but not in the middle of the swap', async () => {
    await tell({ phase: 'swapping' });
    expect((await client.call(`DELETE ${REBUILD}`)).body).toMatchObject({ phase: 'swapping' });
    await tell({ phase: 'comparing' });
    expect((await client.call(`DELETE ${REBUILD}`)).body).toMatchObject({ phase: 'cancelled' });
    expect((await client.call(`DELETE ${REBUILD}`)).status).toBe(200);
  });

  it('is for admins, to be looked at by viewers', async () => {
    const { body } = await client.call<{ key: string }>('POST /keys', {
      body: { name: 'looker', role: 'viewer' },
    });
    const list = () => client.call('GET /admin/projections', { key: body.key });
    await waitUntil(async () => (await list()).status === 200);
    expect((await client.call(`POST ${REBUILD}`, { key: body.key })).status).toBe(403);
    expect((await client.call(`POST ${REBUILD}`, { body: { from: 'nowhere' } })).status).toBe(400);
  });
});
