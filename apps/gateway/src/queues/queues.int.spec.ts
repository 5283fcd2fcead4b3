import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { streams } from '@millrace/log';
import type { TaskLog, Ticket } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import type { SubmittedTask, SubmittedTasks } from '../tasks/submit-task.schema.js';
import { archive } from '../testing/archiver.js';
import { GatewayClient } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';
import { workerExamples } from '../workers/workers.schema.js';
import type {
  PendingList,
  QueueCommandDone,
  QueueDefinition,
  QueueList,
  QueueView,
} from './queues.schema.js';

let gateway: ArchivingGateway;
let databaseUrl: string;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;
/** Another gateway, which has no Postgres. */
let bare: GatewayClient;

beforeAll(async () => {
  gateway = await startArchivingGateway({
    handlers: [
      { name: 'work', queue: 'default' },
      { name: 'render', queue: 'default', priority: 8, retry: { max_retries: 1 } },
    ],
    meanwhile: async (natsUrl) => {
      bare = await GatewayClient.start(natsUrl);
    },
  });
  ({ log, driver, client, databaseUrl } = gateway);
}, 60_000);

afterAll(async () => {
  await bare.stop();
  await gateway.stop();
});

async function define(queue: string, body: object, by = client): Promise<QueueDefinition> {
  const answer = await by.call<QueueDefinition>(`PUT /queues/${queue}`, { body });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return answer.body;
}

const lastTold = async (verb: string): Promise<unknown> => {
  const message = await log.read.lastOn(`ops.queue.${verb}`, streams.ops.name);
  return JSON.parse(message?.payload ?? 'null');
};

const submitTo = (queue: string, by = client, body: object = {}) =>
  by.call<SubmittedTask>('POST /tasks', { body: { task_name: 'work', queue, ...body } });

describe('the definition of a queue', () => {
  it('makes its lanes, and is told with what was before', async () => {
    expect(await define('films', { concurrency: 5, fair: true, weights: { ann: 2 } })).toEqual({
      name: 'films',
      defined_by: 'api:admin',
      settings: { concurrency: 5, fair: true, weights: { ann: 2 } },
      paused: null,
    });
    expect(await log.admin.lanes('films')).toHaveLength(12);
    expect(await define('films', { max_depth: 10 })).toMatchObject({ settings: { max_depth: 10 } });
    expect(await lastTold('defined')).toMatchObject({
      actor: 'api:admin',
      queue: 'films',
      before: { concurrency: 5, fair: true, weights: { ann: 2 } },
      after: { max_depth: 10 },
    });
    // All of it was replaced.
    expect((await define('films', {})).settings).toEqual({});
  });

  it('needs no Postgres', async () => {
    expect((await define('bare', { default_priority: 1 }, bare)).name).toBe('bare');
  });

  it('is refused with all that is wrong with it', async () => {
    const body = {
      concurrency: 10_001,
      soft_time_limit: 3000,
      weights: { ann: 2 },
      routes: ['render', 'render'],
      limit: 1,
    };
    const many = await client.call<Problem>('PUT /queues/wrong', { body });
    expect(many).toMatchObject({ status: 400, body: { code: 'request/invalid' } });
    expect(Object.fromEntries(many.body.errors?.map(({ path, message }) => [path, message]) ?? [])).toEqual({
      concurrency: expect.any(String),
      limit: 'Unknown field.',
      soft_time_limit: 'lies above the time limit of 2400 s: raise time_limit too.',
      weights: 'need fair: true, they say how many turns a key has.',
      routes: 'name "render" twice.',
    });
    expect((await client.call('PUT /queues/No.Name', { body: {} })).status).toBe(400);
    expect((await client.call('GET /queues/wrong')).status).toBe(404);
  });

  it('cannot take the routes of another queue', async () => {
    await define('routed', { routes: ['render'] });
    const answer = await client.call<Problem>('PUT /queues/other', { body: { routes: ['work', 'render'] } });
    expect(answer).toMatchObject({
      status: 409,
      body: { code: 'queue/route-taken', detail: expect.stringContaining('by the queue "routed"') },
    });
    expect((await define('routed', { routes: ['render', 'work'] })).settings.routes).toHaveLength(2);
    await define('routed', {});
  });

  it('is for operators, and shown to viewers', async () => {
    const { body } = await client.call<{ key: string }>('POST /keys', {
      body: { name: 'looker', role: 'viewer' },
    });
    const { key } = body;
    await waitUntil(async () => (await client.call('GET /queues', { key })).status === 200);
    expect((await client.call('PUT /queues/films', { key, body: {} })).status).toBe(403);
    expect((await client.call('POST /queues/films/pause', { key })).status).toBe(403);
    expect((await client.call('POST /queues/films/resume', { key })).status).toBe(403);
  });
});

describe('a submission', () => {
  it('follows itself, then its handler, then its queue', async () => {
    await define('slow', {
      default_priority: 2,
      retry: { max_retries: 9, delay_seconds: 7 },
      time_limit: 50,
      routes: ['routed-by-name', 'render'],
    });
    const cardOf = async ({ body }: { body: SubmittedTask }) => {
      const state = await log.read.task({ task_id: body.task_id });
      return state.phase !== 'none' && { queue: state.queue, ...state.spec };
    };
    const unknown = await client.call<SubmittedTask>('POST /tasks', {
      body: { task_name: 'routed-by-name', allow_unknown: true },
    });
    expect(await cardOf(unknown)).toMatchObject({
      queue: 'slow',
      priority: 2,
      retry: { max_retries: 9, delay_seconds: 7, backoff_factor: 2 },
      soft_time_limit: 50,
      time_limit: 50,
    });
    const known = await client.call<SubmittedTask>('POST /tasks', {
      body: { task_name: 'render', retry: { jitter: false } },
    });
    expect(await cardOf(known)).toMatchObject({
      queue: 'slow',
      priority: 8,
      retry: { max_retries: 1, delay_seconds: 7, jitter: false },
    });
    expect(await cardOf(await submitTo('default', client, { task_name: 'render' }))).toMatchObject({
      queue: 'default',
      time_limit: 2400,
    });
    await define('slow', {});
  });
});

describe('a full queue', () => {
  it.each([
    ['counted by Postgres', () => client],
    ['counted by the broker', () => bare],
  ])('takes no more until something starts: %s', async (manner, gateway) => {
    const by = gateway();
    const queue = by === client ? 'counted' : 'guessed';
    await define(queue, { max_depth: 3 }, by);
    const delayed = by === client ? { delay_seconds: 900 } : {};
    const first = await submitTo(queue, by, { task_id: `first-${queue}` });
    expect([first.status, (await submitTo(queue, by, delayed)).status]).toEqual([202, 202]);
    const bulk = await by.call<SubmittedTasks>('POST /tasks/bulk', {
      body: { tasks: Array.from({ length: 3 }, () => ({ task_name: 'work', queue })) },
    });
    expect(bulk.body).toMatchObject({ accepted: 1, rejected: 2 });
    expect(bulk.body.results[2]).toMatchObject({ error: { code: 'queue/full' } });
    const { lastSequence } = await log.admin.state();
    const refused = await submitTo(queue, by);
    expect(refused).toMatchObject({
      status: 429,
      body: { code: 'queue/full', detail: expect.stringContaining(`"${queue}" is full: 3 tasks wait`) },
    });
    expect(refused.headers.get('retry-after')).toBe('2');
    expect((await log.admin.state()).lastSequence).toBe(lastSequence);
    // What is there already needs no place.
    expect((await submitTo(queue, by, { task_id: `first-${queue}` })).status).toBe(200);
    const unique = { unique_key: 'k', unique: { scope: 'until_done' } };
    expect((await submitTo(queue, by, unique)).body).toMatchObject({ code: 'queue/full' });
    if (by === client) {
      await driver.start(first.body.task_id);
      await archive(log, databaseUrl);
    } else await takeOne(queue);
    await waitUntil(async () => (await submitTo(queue, by)).status === 202);
    expect([manner, (await submitTo(queue, by)).status]).toEqual([manner, 429]);
    await define(queue, {}, by);
    await waitUntil(async () => (await submitTo(queue, by)).status === 202);
  });

  /** The broker knows what was delivered, not what was started. */
  async function takeOne(queue: string): Promise<void> {
    const taken: Ticket[] = [];
    const puller = log.pull({
      queues: [queue],
      free: () => 1 - taken.length,
      onTicket: (ticket) => {
        taken.push(ticket);
        ticket.ack();
      },
    });
    await waitUntil(() => taken.length === 1);
    await puller.stop();
  }
});

describe('a paused queue', () => {
  it('delivers nothing within the answer, says who paused it, and goes on when it is resumed', async () => {
    await define('films', {});
    const got: string[] = [];
    const puller = log.pull({
      queues: ['films'],
      free: () => 10,
      onTicket: (ticket) => {
        got.push(ticket.task_id);
        ticket.ack();
      },
    });
    const before = (await submitTo('films')).body.task_id;
    await waitUntil(() => got.includes(before));
    const pause = await client.call<QueueCommandDone>('POST /queues/films/pause', {
      body: { reason: 'The store is full' },
    });
    expect(pause).toMatchObject({ status: 200, body: { success: true, affected: 0 } });
    const during = (await submitTo('films')).body.task_id;
    const again = await bare.call<QueueCommandDone>('POST /queues/films/pause');
    expect(again.body.message).toMatch(/paused since .*, by api:admin/);
    expect(again.body.affected).toBe(1);
    await archive(log, databaseUrl);
    expect((await client.call<QueueView>('GET /queues/films')).body.paused).toEqual({
      at: expect.any(String),
      actor: 'api:admin',
      reason: 'The store is full',
    });
    expect(await lastTold('paused')).toMatchObject({ queue: 'films', reason: 'The store is full' });
    expect(await define('films', { concurrency: 3 })).toMatchObject({ paused: { actor: 'api:admin' } });
    expect(got).toEqual([before]);

    const resume = await client.call<QueueCommandDone>('POST /queues/films/resume');
    expect(resume.body).toMatchObject({ message: 'The queue goes on.', affected: 1 });
    expect(await lastTold('resumed')).toMatchObject({ queue: 'films', actor: 'api:admin' });
    puller.reset();
    await waitUntil(() => got.includes(during));
    await puller.stop();
    expect((await client.call<QueueCommandDone>('POST /queues/films/resume')).body.message).toBe(
      'The queue is not paused.',
    );
  });

  it('may be the default one, which nobody has defined, but none that is not there', async () => {
    await log.buckets.queues.delete('default');
    expect((await client.call('POST /queues/default/pause')).status).toBe(200);
    expect((await client.call('POST /queues/default/resume')).status).toBe(200);
    for (const line of ['POST /queues/none/pause', 'POST /queues/none/resume', 'GET /queues/none'] as const)
      expect(await client.call(line)).toMatchObject({ status: 404, body: { code: 'queue/not-found' } });
  });
});

describe('what waits in a queue', () => {
  let ids: string[];

  beforeAll(async () => {
    await define('lined-up', {});
    const priorities = [5, 1, 9, 5];
    ids = [];
    for (const priority of priorities)
      ids.push((await submitTo('lined-up', client, { priority })).body.task_id);
    await submitTo('lined-up', client, { delay_seconds: 900 });
    const runs = (await submitTo('lined-up', client, { priority: 9 })).body.task_id;
    await driver.start(runs);
    const state = await log.read.task({ task_id: ids[3]! });
    if (state.phase !== 'ready') throw new Error('It does not wait.');
    // A claim in a limited queue without a slot holds the task.
    await log.change(
      { task_id: state.id },
      { type: 'claim', worker: 'w', ticket: state.ticket, limited: true },
      { actor: 'worker:w' },
    );
    await archive(log, databaseUrl);
  });

  const pageOf = async (query = ''): Promise<PendingList> =>
    (await client.call<PendingList>(`GET /queues/lined-up/pending${query}`)).body;

  it('is shown in its order, with positions, over pages', async () => {
    const [middle, low, high, held] = ids;
    const all = await pageOf();
    expect(all.items.map(({ task_id, position, waits_for }) => [task_id, position, waits_for])).toEqual([
      [high, 0, 'turn'],
      [middle, 1, 'turn'],
      [low, 2, 'turn'],
      [held, 3, 'slot'],
    ]);
    const first = await pageOf('?limit=3');
    const second = await pageOf(`?limit=3&cursor=${first.next_cursor}`);
    expect([...first.items, ...second.items]).toEqual(all.items);
    expect(second.next_cursor).toBeNull();
    expect((await client.call('GET /queues/lined-up/pending?cursor=x')).status).toBe(400);
  });

  it('has no positions where limits of keys choose among those that are held', async () => {
    await define('lined-up', { key_concurrency: 1 });
    expect((await pageOf()).items.map(({ position }) => position)).toEqual([0, 1, 2, null]);
    await define('lined-up', {});
  });

  it('is counted by lane, beside what runs and who serves it', async () => {
    await log.buckets.workers.put('w1', { ...workerExamples.one, worker_id: 'w1', queues: ['lined-up'] });
    const { status, body } = await client.call<QueueView>('GET /queues/lined-up');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: 'lined-up',
      workers: ['w1'],
      depth: { front: 0, p9: 1, p5: 1, p1: 1 },
      held: 1,
      scheduled: 1,
      running: 1,
      total_tasks: { active: 1, pending: 4, scheduled: 1 },
      rates: { window_seconds: 60, started_per_minute: 1, finished_per_minute: 0 },
    });
    expect(body.oldest_wait_seconds).toBeGreaterThanOrEqual(0);
    const list = await client.call<QueueList>('GET /queues');
    expect(list.body.items.find(({ name }) => name === 'lined-up')).toMatchObject({ depth: body.depth });
    expect(list.body.items.map(({ name }) => name)).toContain('default');
  });

  it('cannot be told without Postgres', async () => {
    const lines = ['GET /queues', 'GET /queues/lined-up', 'GET /queues/lined-up/pending'] as const;
    for (const line of lines)
      expect(await bare.call(line)).toMatchObject({ status: 503, body: { code: 'archive/unavailable' } });
  });
});
