import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Readiness } from '../health/health.schema.js';
import type { Problem } from '../http/problem.js';
import type { SubmittedTask } from '../tasks/submit-task.schema.js';
import type { GatewayClient } from '../testing/gateway-client.js';
import { startTestGateway } from '../testing/test-gateway.js';
import type { TestGateway } from '../testing/test-gateway.js';

let gateway: TestGateway;
let log: TaskLog;
let client: GatewayClient;

beforeAll(async () => {
  gateway = await startTestGateway();
  ({ log, client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const body = { task_name: 'work' };
/** A busy machine may need longer to start a broker than the gateway waits. */
const SHORT_MS = 1_000;

describe('while the log is away', () => {
  it('everything that needs it answers 503 with Retry-After, and goes on when it is back', async () => {
    const taskId = await client.submit(body);
    await gateway.nats.kill();
    const refused = await Promise.all([
      client.call<Problem>('POST /tasks', { body }),
      client.call<Problem>('POST /tasks/bulk', { body: { tasks: [body, body] } }),
      client.call<Problem>(`GET /tasks/${taskId}/status`),
      client.call<Problem>(`DELETE /tasks/${taskId}`),
      client.call<Problem>('POST /keys', { body: { name: 'now', role: 'viewer' } }),
      client.call<Problem>(`GET /tasks/${taskId}/logs`),
      client.call<Problem>('GET /workers'),
      client.call<Problem>('GET /workers/w1'),
      client.call<Problem>('GET /queues'),
      client.call<Problem>('PUT /queues/films', { body: {} }),
      client.call<Problem>('POST /queues/default/pause'),
    ]);
    for (const answer of refused) {
      expect(answer).toMatchObject({ status: 503, body: { code: 'log/unavailable' } });
      expect(answer.headers.get('retry-after')).toBe('2');
    }
    // What can be told without the log is told as ever.
    expect((await client.call('POST /tasks', { body: { task_name: 'work', foo: 1 } })).status).toBe(400);
    expect((await client.call('POST /tasks', { body, key: 'wrong' })).status).toBe(401);
    expect((await client.call('GET /handlers')).status).toBe(200);
    expect((await client.fetch('GET /health/live')).status).toBe(200);
    expect(await client.fetch<Readiness>('GET /health/ready')).toMatchObject({
      status: 503,
      body: { status: 'unavailable', log: { status: 'away' } },
    });

    await gateway.nats.restart();
    await waitUntil(async () => (await client.call('POST /tasks', { body })).status === 202);
    expect((await client.call(`DELETE /tasks/${taskId}`)).status).toBe(200);
    // Nothing that was refused has been written since.
    const { lastSequence } = await waitUntil(() => log.admin.state());
    expect(lastSequence).toBe(3);
  });

  it('a short loss is sat out', async () => {
    const submissions: Promise<number>[] = [];
    const lostAt = performance.now();
    const isBack = gateway.nats
      .kill()
      .then(() => gateway.nats.restart())
      .then(() => performance.now() - lostAt);
    for (let n = 0; n < 20; n++) {
      const submission = client.call('POST /tasks', { body: { ...body, unique_key: `k${n}` } });
      submissions.push(submission.then(({ status }) => status));
      await sleep(20);
    }
    const wasShort = (await isBack) < SHORT_MS;
    const statuses = new Set(await Promise.all(submissions));
    expect(wasShort ? [202] : [202, 503]).toEqual(expect.arrayContaining([...statuses]));
  });

  it('a submission repeated with its key is stored once', async () => {
    const headers = { 'idempotency-key': 'repeated' };
    const send = () => client.call<SubmittedTask>('POST /tasks', { body, headers });
    const answers: number[] = [];
    for (let round = 0; round < 3; round++) {
      const [answer] = await Promise.all([send(), gateway.nats.kill()]);
      answers.push(answer.status);
      await gateway.nats.restart();
    }
    const last = await waitUntil(async () => {
      const answer = await send();
      return answer.status < 300 && answer;
    });
    const facts = await log.read.history({ queue: 'default', task_id: last.body.task_id });
    expect(facts.map(({ kind }) => kind)).toEqual(['p5']);
  });

  it('what is registered afterwards is heard of', async () => {
    await gateway.nats.kill();
    await gateway.nats.restart();
    await waitUntil(async () => (await client.call('POST /tasks', { body })).status === 202);
    await waitUntil(() => log.connected);
    await log.buckets.handlers.put('after', { name: 'after', queue: 'default' });
    await waitUntil(async () => {
      const { body } = await client.call<{ items: { name: string }[] }>('GET /handlers');
      return body.items.some(({ name }) => name === 'after');
    });
  });
});
