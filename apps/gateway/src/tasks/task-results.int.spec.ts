import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import { GatewayClient } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startTestGateway } from '../testing/test-gateway.js';
import type { TestGateway } from '../testing/test-gateway.js';
import type { TaskResult } from './task-view.schema.js';

let monitorPort: number;
let gateway: TestGateway;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;

beforeAll(async () => {
  monitorPort = await freePort();
  gateway = await startTestGateway({ nats: { monitorPort } });
  ({ log, driver, client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const submit = (): Promise<string> => client.submit({ task_name: 'work' });

const wait = (taskId: string, timeout: number, signal?: AbortSignal) =>
  client.call<TaskResult>(`GET /tasks/${taskId}/result?timeout=${timeout}`, signal ? { signal } : {});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Whether the gateway listens for what happens to the task. */
async function isWaitedFor(taskId: string): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${monitorPort}/connz?subs=1`);
  return (await response.text()).includes(`"tasks.default.*.${taskId}"`);
}

describe('a wait for a result', () => {
  it('is answered at once when the task has ended', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    await driver.succeed(taskId, { frames: 3 });
    expect(await wait(taskId, 30)).toMatchObject({
      status: 200,
      body: { task_id: taskId, status: 'SUCCESS', result: { frames: 3 }, error: null },
    });
  });

  it('is answered by the event, long before its time is over', async () => {
    const taskId = await submit();
    const waiting = wait(taskId, 30);
    await waitUntil(() => isWaitedFor(taskId));
    await driver.start(taskId);
    await driver.report(taskId, { percent: 10 });
    const endedAt = performance.now();
    await driver.succeed(taskId, 'done');
    expect(await waiting).toMatchObject({ status: 200, body: { status: 'SUCCESS', result: 'done' } });
    expect(performance.now() - endedAt).toBeLessThan(1_000);
    await waitUntil(async () => !(await isWaitedFor(taskId)));
  });

  it('tells failure and cancellation as well', async () => {
    const failing = await submit();
    const cancelled = await submit();
    const waits = [wait(failing, 30), wait(cancelled, 30)];
    await waitUntil(async () => (await isWaitedFor(failing)) && (await isWaitedFor(cancelled)));
    await driver.start(failing);
    await driver.fail(failing, 'broken');
    await client.call(`DELETE /tasks/${cancelled}`);
    const [failure, revoked] = await Promise.all(waits);
    expect(failure).toMatchObject({
      status: 200,
      body: { status: 'FAILURE', result: null, error: { message: 'broken' } },
    });
    expect(revoked).toMatchObject({ status: 200, body: { status: 'REVOKED', result: null, error: null } });
  });

  it('is answered 202 when its time is over', async () => {
    const taskId = await submit();
    const startedAt = performance.now();
    const { status, body } = await wait(taskId, 0.3);
    expect(performance.now() - startedAt).toBeGreaterThan(290);
    expect(status).toBe(202);
    expect(body).toEqual({ task_id: taskId, status: 'PENDING' });
    await driver.start(taskId);
    expect(await wait(taskId, 0)).toMatchObject({ status: 202, body: { status: 'STARTED' } });
  });

  it('ends with its client', async () => {
    const taskId = await submit();
    const client = new AbortController();
    const waiting = wait(taskId, 300, client.signal);
    await waitUntil(() => isWaitedFor(taskId));
    client.abort();
    await expect(waiting).rejects.toThrow();
    await waitUntil(async () => !(await isWaitedFor(taskId)));
  });

  it('is refused when it is too long, or for nothing', async () => {
    expect(await wait('some-task', 301)).toMatchObject({ status: 400, body: { code: 'request/invalid' } });
    expect(await wait('no-such-task', 1)).toMatchObject({ status: 404, body: { code: 'task/not-found' } });
  });

  it('survives an outage of the log', async () => {
    const taskId = await submit();
    const waiting = wait(taskId, 60);
    await waitUntil(() => isWaitedFor(taskId));
    await gateway.nats.kill();
    await gateway.nats.restart();
    await driver.start(taskId);
    await driver.succeed(taskId, 'after all');
    expect(await waiting).toMatchObject({ status: 200, body: { result: 'after all' } });
  });

  it('of a hundred clients costs no more than it must', async () => {
    const taskId = await submit();
    const waits = Array.from({ length: 100 }, () => wait(taskId, 30));
    await waitUntil(() => isWaitedFor(taskId));
    await driver.start(taskId);
    await driver.succeed(taskId, 1);
    const answers = await Promise.all(waits);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });
});

describe('a gateway that is told to stop', () => {
  it('answers waits with 202, finishes what is under way, and ends with 0', async () => {
    const stopping = await GatewayClient.start(gateway.nats.url);
    const taskId = await stopping.submit({ task_name: 'work' });
    const waiting = stopping.call(`GET /tasks/${taskId}/result?timeout=300`);
    await waitUntil(() => isWaitedFor(taskId));
    const { lastSequence } = await log.admin.state();
    const bulk = { tasks: Array(1000).fill({ task_name: 'work' }) };
    const underWay = stopping.call('POST /tasks/bulk', { body: bulk });
    await waitUntil(async () => (await log.admin.state()).lastSequence > lastSequence, { every: 1 });
    const code = await stopping.stop();
    expect(await waiting).toMatchObject({ status: 202, body: { task_id: taskId, status: 'PENDING' } });
    expect(await underWay).toMatchObject({ status: 202, body: { accepted: 1000 } });
    expect(code).toBe(0);
  });
});
