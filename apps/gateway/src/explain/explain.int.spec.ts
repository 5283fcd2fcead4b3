import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { QueueRecord, TaskLog } from '@millrace/log';
import { spawnApp, startTestPostgres, waitUntil } from '@millrace/testing';
import type { TestApp, TestPostgres } from '@millrace/testing';
import { archive } from '../testing/archiver.js';
import type { GatewayClient } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';
import type { Explanation } from './explanation.schema.js';
import { busyWorker, worker } from './tale.specification.js';

const SCHEDULER = new URL('../../../scheduler/dist/main.js', import.meta.url);
/** A process of its own, on a machine that may be busy. */
const STARTS_WITHIN_MS = 40_000;

let gateway: ArchivingGateway;
let postgres: TestPostgres;
let databaseUrl: string;
let scheduler: TestApp;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;

beforeAll(async () => {
  const queues = ['films', 'paused', 'limited', 'rated'];
  postgres = await startTestPostgres();
  gateway = await startArchivingGateway({
    postgres,
    handlers: queues.map((queue) => ({ name: `in-${queue}`, queue })),
  });
  ({ log, driver, client, databaseUrl } = gateway);
  scheduler = spawnApp(SCHEDULER, { NATS_URL: gateway.nats.url, DATABASE_URL: databaseUrl });
}, 60_000);

afterAll(async () => {
  await scheduler.kill();
  await gateway.stop();
});

const submit = (queue: string, more: Record<string, unknown> = {}): Promise<string> =>
  client.submit({ task_name: `in-${queue}`, ...more });

const explained = async (taskId: string): Promise<Explanation> => {
  const { status, body } = await client.call<Explanation>(`GET /tasks/${taskId}/explain`);
  expect(status).toBe(200);
  return body;
};

/** All of it as one text. */
const told = async (taskId: string): Promise<string> => (await explained(taskId)).because.join('\n');

async function setUp(queue: string, changes: Partial<QueueRecord>): Promise<void> {
  const entry = await log.buckets.queues.get(queue);
  await log.buckets.queues.put(queue, { name: queue, defined_by: 'worker', ...entry?.value, ...changes });
}

describe('the explanation of a task', () => {
  it('that waits in a lane names who is before it and who could run it', async () => {
    const first = await submit('films');
    const second = await submit('films');
    expect((await explained(second)).waiting_for).toMatchObject({ reason: 'none_serves_queue', workers: [] });
    await archive(log, databaseUrl);
    await log.buckets.workers.put('w1', busyWorker('w1', 'long-one', '2026-01-01T00:00:00.000Z'));
    expect((await explained(second)).waiting_for).toMatchObject({ reason: 'no_handler', workers: ['w1'] });
    const able = { handlers: ['in-films'] };
    const busy = busyWorker('w1', 'long-one', '2026-01-01T00:00:00.000Z');
    await log.buckets.workers.put('w1', { ...busy, ...able });
    expect(await explained(first)).toMatchObject({
      state: 'PENDING',
      waiting_for: { type: 'worker', reason: 'none_free', slots: 2 },
    });
    expect(await explained(second)).toMatchObject({
      waiting_for: { type: 'turn', queue: 'films', lane: 'p5', ahead: 1 },
      because: expect.arrayContaining([
        expect.stringContaining('the longest runs long-one since 2026-01-01T00:00:00.000Z on w1'),
        '1 task of its queue runs before it. Move it to the front if it must not wait.',
      ]),
    });
    await log.buckets.workers.delete('w1');
  });

  it('in a paused queue names who paused it', async () => {
    const taskId = await submit('paused');
    const paused = { at: '2026-01-01T00:00:00.000Z', actor: 'api:ops', reason: 'maintenance' };
    await setUp('paused', { paused });
    expect((await explained(taskId)).waiting_for).toEqual({
      type: 'resume',
      what: 'queue',
      by: 'api:ops',
      since: paused.at,
      reason: 'maintenance',
    });
  });

  it('that is held names the limit, and the tasks that have its slots, as they come and go', async () => {
    const early = await submit('limited', { concurrency_key: 'acme' });
    await driver.start(early);
    await setUp('limited', { settings: { concurrency: 5, key_concurrency: 1 } });
    const first = await submitHeld('limited', 'acme');
    const second = await submitHeld('limited', 'acme');
    await archive(log, databaseUrl);
    const limit = { limit: 'key_concurrency', allowed: 1, used: 1, concurrency_key: 'acme', opens_at: null };
    const slot = { type: 'slot', queue: 'limited', lane: 'p5', ahead: 1 };
    expect(await waitOf(second)).toEqual({
      ...slot,
      limits: [{ ...limit, holders: [early] }],
    });
    await driver.succeed(early, 1);
    await untilReady(first);
    await archive(log, databaseUrl);
    expect(await waitOf(second)).toEqual({
      ...slot,
      ahead: 0,
      limits: [{ ...limit, holders: [first] }],
    });
    await setUp('limited', { settings: {} });
    await untilReady(second);
  });

  it('that is held by a rate says when the next one may start', async () => {
    await setUp('rated', { settings: { rate_limit: { limit: 1, period_seconds: 3600 } } });
    const first = await submitHeld('rated');
    const second = await submitHeld('rated');
    await untilReady(first);
    const limit = { limit: 'rate_limit', allowed: 1 };
    expect(await waitOf(second)).toMatchObject({ type: 'slot', limits: [{ ...limit, opens_at: null }] });
    expect(await told(second)).toContain('so long after those that have a slot have started');
    const { at } = await driver.start(first);
    const wait = await waitOf(second);
    const opensAt = wait.type === 'slot' ? wait.limits[0]?.opens_at : undefined;
    const opensAfterMs = Date.parse(opensAt ?? '') - Date.parse(at);
    expect(opensAfterMs).toBeGreaterThanOrEqual(3_600_000);
    // An hour and, at most, two of the fifty parts in which it is counted.
    expect(opensAfterMs).toBeLessThanOrEqual(3_600_000 * 1.04);
  });

  it('that waits for its time says when, and goes on once that has come', async () => {
    const later = await submit('films', { delay_seconds: 600 });
    expect((await explained(later)).waiting_for).toMatchObject({ type: 'time', reason: 'delay' });
    const soon = await submit('films', { delay_seconds: 0.2 });
    await waitUntil(async () => (await told(soon)).startsWith('Its time came'));
    expect((await explained(soon)).waiting_for).toMatchObject({ type: 'worker' });
  });

  it('that waits for a signal says which', async () => {
    const taskId = await submit('films');
    await driver.start(taskId);
    await driver.waitFor(taskId, 'signal:approved');
    expect((await explained(taskId)).waiting_for).toEqual({
      type: 'signal',
      signal: 'approved',
      until: null,
    });
  });

  it('that was put aside says by whom', async () => {
    const taskId = await submit('films');
    await client.call(`POST /tasks/${taskId}/pause`, { body: { reason: 'lunch' } });
    expect(await explained(taskId)).toMatchObject({
      state: 'PAUSED',
      waiting_for: { type: 'resume', what: 'task', by: 'api:admin', reason: 'lunch' },
    });
  });

  it('of nothing is not found', async () => {
    expect((await client.call('GET /tasks/no-such-task/explain')).status).toBe(404);
  });
});

describe('the explanation of a task that ran more than once', () => {
  it('tells a cause for each attempt, from the log and from the archive', async () => {
    const taskId = await submit('films');
    await driver.start(taskId);
    await driver.fail(taskId, 'out of ink', true);
    await driver.due(taskId);
    await driver.takeOver(taskId, 'worker-2');
    const alive = await told(taskId);
    expect(alive).toContain('The worker worker-2 shows no sign of life');
    expect(alive).toContain('because attempt 1 failed with Error: out of ink.');
    expect(alive).toContain('because attempt 2 was lost with its worker worker-1');
    await driver.fail(taskId, 'no film');
    const ended = await explained(taskId);
    expect(ended).toMatchObject({ state: 'FAILURE', waiting_for: { type: 'nothing' } });
    await archive(log, databaseUrl);
    const { lastSequence } = await log.admin.state();
    await log.admin.purgeBelow(lastSequence + 1);
    expect(await explained(taskId)).toEqual(ended);
  });
});

describe('without Postgres', () => {
  it('the log explains what it knows', async () => {
    const taskId = await submit('films');
    await driver.start(taskId);
    await driver.yield(taskId);
    await driver.start(taskId);
    await driver.yield(taskId);
    await postgres.kill();
    const explanation = await explained(taskId);
    expect(explanation.waiting_for).toMatchObject({ type: 'worker', reason: 'none_serves_queue' });
    const text = explanation.because.join('\n');
    expect(text).toContain('How many tasks run before it is not known now');
    expect(text).toContain('because the worker worker-1 gave attempt 1 back unharmed: drain.');
  });
});

/** As a worker that knows the limits leaves it, if the gateway does not know them yet. */
async function submitHeld(queue: string, concurrency_key?: string): Promise<string> {
  const taskId = await submit(queue, { ...(concurrency_key && { concurrency_key }) });
  const state = await log.read.task({ task_id: taskId });
  // The gateway may not have heard of the limits yet; with a slot, the scheduler has been quick.
  if (state.phase === 'ready' && !state.slot) await driver.hold(taskId);
  return taskId;
}

const untilReady = (taskId: string): Promise<unknown> =>
  waitUntil(async () => (await log.read.task({ task_id: taskId })).phase === 'ready', {
    timeoutMs: STARTS_WITHIN_MS,
    what: 'the scheduler to let a task go',
  });

/** What a task waits for that a worker could run. */
async function waitOf(taskId: string): Promise<Explanation['waiting_for']> {
  const able = { queues: ['limited', 'rated'], handlers: ['in-limited', 'in-rated'] };
  await log.buckets.workers.put('w1', worker('w1', able));
  const { waiting_for } = await explained(taskId);
  await log.buckets.workers.delete('w1');
  return waiting_for;
}
