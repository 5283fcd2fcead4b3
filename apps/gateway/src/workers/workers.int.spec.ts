import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog, WorkerRecord } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import type { GatewayClient } from '../testing/gateway-client.js';
import { startTestGateway } from '../testing/test-gateway.js';
import type { TestGateway } from '../testing/test-gateway.js';
import { workerExamples } from './workers.schema.js';
import type { WorkerList, WorkerView } from './workers.schema.js';

let gateway: TestGateway;
let log: TaskLog;
let client: GatewayClient;

const show = (worker_id: string, changes: Partial<WorkerRecord> = {}): Promise<number> =>
  log.buckets.workers.put(worker_id, { ...workerExamples.one, worker_id, ...changes });

/** They expire while a busy machine takes its time. */
const showAll = async (): Promise<void> => {
  await show('w2', { queues: ['films'], status: 'draining' });
  await show('w1');
};

beforeAll(async () => {
  gateway = await startTestGateway({ handlers: [] });
  ({ log, client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const idsOf = async (query = ''): Promise<string[]> =>
  (await client.call<WorkerList>(`GET /workers${query}`)).body.items.map(({ worker_id }) => worker_id);

describe('the list of workers', () => {
  it('is empty while there is none', async () => {
    expect(await client.call('GET /workers')).toMatchObject({ status: 200, body: { items: [] } });
  });

  it('shows each as it describes itself, also without Postgres', async () => {
    await showAll();
    const { body } = await client.call<WorkerList>('GET /workers');
    expect(body.items.map(({ worker_id }) => worker_id)).toEqual(['w1', 'w2']);
    expect(body.items[0]).toEqual({ ...workerExamples.one, worker_id: 'w1' });
  });

  it('is narrowed to a queue and to a status', async () => {
    await showAll();
    expect(await idsOf('?queue=default')).toEqual(['w1']);
    expect(await idsOf('?queue=films')).toEqual(['w1', 'w2']);
    expect(await idsOf('?queue=films&status=draining')).toEqual(['w2']);
    expect(await idsOf('?queue=none')).toEqual([]);
    expect(await client.call<Problem>('GET /workers?status=asleep')).toMatchObject({
      status: 400,
      body: { code: 'request/invalid', errors: [{ path: 'status' }] },
    });
  });

  it('leaves out what is no worker, and whoever has gone', async () => {
    await showAll();
    await log.buckets.workers.put('w3', { worker_id: 'w3' } as WorkerRecord);
    await log.buckets.workers.delete('w2');
    expect(await idsOf()).toEqual(['w1']);
    expect((await client.call('GET /workers/w3')).status).toBe(404);
  });
});

describe('a worker', () => {
  it('is shown alone', async () => {
    await show('w1', { done: 7 });
    expect(await client.call<WorkerView>('GET /workers/w1')).toMatchObject({
      status: 200,
      body: { worker_id: 'w1', done: 7, running: workerExamples.one.running },
    });
  });

  it('that nobody has seen is a 404 that says so', async () => {
    expect(await client.call<Problem>('GET /workers/nobody')).toMatchObject({
      status: 404,
      body: { code: 'worker/not-found', detail: expect.stringContaining('No worker nobody') },
    });
    expect((await client.call('GET /workers/no.body')).status).toBe(400);
  });

  it('is there again after a broker without memory has started', async () => {
    await gateway.nats.kill();
    await gateway.nats.restart();
    await waitUntil(async () => (await show('w1')) > 0);
    expect(await waitUntil(async () => (await client.call('GET /workers/w1')).status)).toBe(200);
  });

  it('is shown to viewers', async () => {
    await show('w1');
    const { body } = await client.call<{ key: string }>('POST /keys', {
      body: { name: 'looker', role: 'viewer' },
    });
    await waitUntil(async () => (await client.call('GET /workers/w1', { key: body.key })).status === 200);
    expect((await client.call('GET /workers', { key: body.key })).status).toBe(200);
    expect((await client.call('GET /workers', { key: null })).status).toBe(401);
  });
});
