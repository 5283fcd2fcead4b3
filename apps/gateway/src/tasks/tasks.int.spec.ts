import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { openDatabase } from '@millrace/read-model';
import { startTestPostgres, waitUntil } from '@millrace/testing';
import type { TestPostgres } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import type { Readiness } from '../health/health.schema.js';
import { archive } from '../testing/archiver.js';
import { GatewayClient } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';
import type { CancelledTask } from './task-commands.schema.js';
import type { TaskStats } from '../metrics/task-stats.schema.js';
import type { PastQueue, PastQueueList } from '../queues/past-queues.schema.js';
import type { SubmittedTask } from './submit-task.schema.js';
import type { TaskEvents, TaskList, TaskResult, TaskStatusView, TaskView } from './task-view.schema.js';

let gateway: ArchivingGateway;
let postgres: TestPostgres;
let databaseUrl: string;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;

beforeAll(async () => {
  postgres = await startTestPostgres();
  gateway = await startArchivingGateway({ postgres });
  ({ log, driver, client, databaseUrl } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const submit = (more: Record<string, unknown> = {}): Promise<string> =>
  client.submit({ task_name: 'work', ...more });

const statusOf = async (taskId: string): Promise<TaskStatusView> =>
  (await client.call<TaskStatusView>(`GET /tasks/${taskId}/status`)).body;

const get = async (taskId: string): Promise<TaskView> =>
  (await client.call<TaskView>(`GET /tasks/${taskId}`)).body;

const events = async (taskId: string): Promise<TaskEvents['items']> =>
  (await client.call<TaskEvents>(`GET /tasks/${taskId}/events`)).body.items;

/** What the log itself has of the task. */
const sequencesOf = async (taskId: string): Promise<number[]> =>
  (await log.read.history({ queue: 'default', task_id: taskId })).map(({ sequence }) => sequence);

describe('the status of a task', () => {
  it('shows each write as soon as it is made', async () => {
    const taskId = await submit({ priority: 3, tags: ['a'], user_id: 'ute', correlation_id: 'c-1' });
    expect(await statusOf(taskId)).toMatchObject({
      task_id: taskId,
      task_name: 'work',
      status: 'PENDING',
      queue: 'default',
      priority: 3,
      position: null,
      progress: null,
      attempt: 0,
      max_retries: 3,
      worker: null,
      error: null,
      started_at: null,
      finished_at: null,
      elapsed_seconds: null,
      correlation_id: 'c-1',
      tags: ['a'],
      user_id: 'ute',
    });
    const { at } = await driver.start(taskId);
    expect(await statusOf(taskId)).toMatchObject({
      status: 'STARTED',
      attempt: 1,
      worker: 'worker-1',
      started_at: at,
    });
    await driver.report(taskId, { percent: 40, step: 'halfway' });
    expect(await statusOf(taskId)).toMatchObject({
      status: 'PROCESSING',
      progress: { percent: 40, step: 'halfway' },
    });
    const ended = await driver.succeed(taskId, 'done');
    expect(await statusOf(taskId)).toMatchObject({
      status: 'SUCCESS',
      progress: null,
      worker: 'worker-1',
      started_at: at,
      finished_at: ended.at,
      elapsed_seconds: (Date.parse(ended.at) - Date.parse(at)) / 1000,
    });
  });

  it('shows live progress of the attempt that runs, and of no other', async () => {
    const taskId = await submit();
    const { sequence: token } = await driver.start(taskId);
    const ref = { queue: 'default', task_id: taskId };
    log.reportProgress(ref, JSON.stringify({ token: token - 1, progress: { percent: 99 } }));
    await waitUntil(async () => (await log.read.liveProgress(ref)) !== undefined);
    expect(await statusOf(taskId)).toMatchObject({ status: 'STARTED', progress: null });
    log.reportProgress(ref, JSON.stringify({ token, progress: { percent: 12, message: 'now' } }));
    await waitUntil(async () => (await statusOf(taskId)).progress?.percent === 12);
  });

  it('shows the error of a failed attempt, and when the next one is due', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    await driver.fail(taskId, 'first', true);
    const retrying = await statusOf(taskId);
    expect(retrying).toMatchObject({ status: 'RETRY', error: { message: 'first' }, reason: 'retry' });
    expect(Date.parse(retrying.waits_until!)).toBeGreaterThan(Date.now());
  });

  it('counts who is ahead', async () => {
    const [first, second] = [await submit({ priority: 10 }), await submit({ priority: 10 })];
    await archive(log, databaseUrl);
    expect((await statusOf(first)).position).toBe(0);
    expect((await statusOf(second)).position).toBe(1);
  });

  it('of nothing is not found', async () => {
    for (const path of ['', '/status', '/events', '/result'])
      expect(await client.call(`GET /tasks/no-such-task${path}`)).toMatchObject({
        status: 404,
        body: { code: 'task/not-found' },
      });
  });
});

describe('a task at a moment', () => {
  it('is shown as it was then, alone, in lists and by its events', async () => {
    const taskId = await submit({ tags: ['past'], parameters: { n: 1 } });
    const started = await driver.start(taskId);
    const failed = await driver.fail(taskId, 'no', false);
    await archive(log, databaseUrl);
    const before = new Date(Date.parse((await events(taskId))[0]!.at) - 1).toISOString();
    const at = async (path: `/${string}`, moment: string): Promise<Record<string, unknown>> =>
      (await client.call(`GET ${path}at=${encodeURIComponent(moment)}`)).body;
    const task = `/tasks/${taskId}?` as const;
    expect(await at(task, before)).toMatchObject({ code: 'task/not-found' });
    expect(await at(task, failed.at)).toMatchObject({ status: 'FAILURE', error: { message: 'no' } });
    if (started.at < failed.at) {
      expect(await at(task, started.at)).toMatchObject({
        status: 'STARTED',
        error: null,
        parameters: { n: 1 },
        attempts: [{ attempt: 1, outcome: 'running' }],
      });
      expect(await at(`/tasks/${taskId}/status?`, started.at)).toMatchObject({ status: 'STARTED' });
      const shown = (await at(`/tasks/${taskId}/events?`, started.at)) as unknown as TaskEvents;
      expect(shown.items.map(({ kind }) => kind)).toEqual(['p5', 'started']);
      const listed = (await at('/tasks?tag=past&status=STARTED&', started.at)) as unknown as TaskList;
      expect(listed.items.map(({ task_id }) => task_id)).toEqual([taskId]);
    }
    const ended = (await at('/tasks?tag=past&status=STARTED&', failed.at)) as unknown as TaskList;
    expect(ended.items).toEqual([]);
  });

  it('is counted in its queue and among all as it was then', async () => {
    await client.call('PUT /queues/other', { body: {} });
    const taskId = await submit({ queue: 'other' });
    const started = await driver.start(taskId);
    await driver.succeed(taskId, 1);
    await archive(log, databaseUrl);
    const before = new Date(Date.parse((await events(taskId))[0]!.at) - 1).toISOString();
    const at = async <T>(path: string, moment: string): Promise<T> =>
      (await client.call<T>(`GET /${path}?at=${encodeURIComponent(moment)}`)).body;
    const [then, earlier] = [
      await at<PastQueue>('queues/other', started.at),
      await at<PastQueue>('queues/other', before),
    ];
    expect(then.at).toBe(started.at);
    const count = ({ by_status }: PastQueue): number => Object.values(by_status).reduce((a, b) => a + b, 0);
    expect(count(then)).toBe(count(earlier) + 1);
    const listed = await at<PastQueueList>('queues', started.at);
    expect(listed.items).toContainEqual(then);
    const stats = await at<TaskStats>('tasks/stats', started.at);
    expect(stats.by_queue.other).toEqual(then.by_status);
    expect(stats.timestamp).toBe(started.at);
    expect(await client.call(`GET /queues/nowhere?at=${encodeURIComponent(before)}`)).toMatchObject({
      status: 404,
    });
  });

  it('is asked for in the past only, in the order of submission, and not by its texts', async () => {
    const past = '2026-01-01T00:00:00Z';
    for (const query of [
      `at=${encodeURIComponent(new Date(Date.now() + 60_000).toISOString())}`,
      `at=${past}&q=x`,
      `at=${past}&sort=updated_at`,
    ])
      expect(await client.call(`GET /tasks?${query}`)).toMatchObject({
        status: 400,
        body: { code: 'request/invalid' },
      });
  });
});

describe('a task', () => {
  it('has its parameters, options and attempts', async () => {
    const parameters = { text: 'ü'.repeat(10_000) };
    const by_error = { Busy: { delay_seconds: 300 } };
    const retry = { max_retries: 1, delay_seconds: 0, by_error };
    const taskId = await submit({ parameters, retry, unique_key: 'k' });
    await driver.start(taskId);
    await driver.fail(taskId, 'first', true);
    const task = await get(taskId);
    expect(task).toMatchObject({
      status: 'RETRY',
      parameters,
      result: null,
      options: { retry: { max_retries: 1, by_error }, time_limit: 2400, unique_key: 'k', expires_at: null },
      attempts: [{ attempt: 1, worker: 'worker-1', outcome: 'failed', error: { message: 'first' } }],
    });
  });
});

describe('the events of a task', () => {
  it('are complete wherever they stand: in the log, in the archive, in both', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    expect((await events(taskId)).map(({ kind }) => kind)).toEqual(['p5', 'started']);
    await archive(log, databaseUrl);
    await driver.report(taskId, { percent: 1 });
    await driver.fail(taskId, 'broken');
    const half = await events(taskId);
    expect(half.map(({ sequence }) => sequence)).toEqual(await sequencesOf(taskId));
    expect(half.map(({ kind, attempt }) => [kind, attempt])).toEqual([
      ['p5', null],
      ['started', 1],
      ['progress', 1],
      ['failed', 1],
    ]);
    await archive(log, databaseUrl);
    expect(await events(taskId)).toEqual(half);
    expect(half[0]).toMatchObject({ actor: 'api:admin', data: { reason: 'submitted' } });
  });
});

describe('a list', () => {
  const list = (query: string) => client.call<TaskList & Problem>(`GET /tasks?${query}`);

  it('is narrowed, ordered and paged', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++)
      ids.push(await submit({ tags: ['paged'], user_id: 'uwe', parameters: { n } }));
    await archive(log, databaseUrl);
    const first = await list('tag=paged&limit=2');
    expect(first.body.items.map(({ task_id }) => task_id)).toEqual([ids[4], ids[3]]);
    expect(first.body.projection).toEqual({ sequence: expect.any(Number), lag_ms: expect.any(Number) });
    const second = await list(`tag=paged&limit=2&cursor=${first.body.next_cursor}`);
    const third = await list(`tag=paged&limit=2&cursor=${second.body.next_cursor}`);
    expect(third.body).toMatchObject({ items: [{ task_id: ids[0] }], next_cursor: null });
    const oldest = await list('tag=paged&sort=submitted_at&limit=1&user_id=uwe&queue=default&task_name=work');
    expect(oldest.body.items[0]).toMatchObject({ task_id: ids[0], status: 'PENDING' });
    expect((await list('tag=paged&status=RETRY,FAILURE')).body.items).toEqual([]);
    expect((await list('tag=paged&status=PENDING&status=RETRY')).body.items).toHaveLength(5);
    expect((await list('tag=paged&q=%22n%22:3')).body.items.map(({ task_id }) => task_id)).toEqual([ids[3]]);
  });

  it('shows a task as its status does', async () => {
    const taskId = await submit({ tags: ['same'] });
    await driver.start(taskId);
    await driver.report(taskId, { percent: 70 });
    await driver.succeed(taskId, 1);
    await archive(log, databaseUrl);
    const { position: _position, ...status } = await statusOf(taskId);
    expect((await list('tag=same')).body.items).toEqual([status]);
  });

  it('refuses what it does not understand', async () => {
    for (const query of [
      'limit=0',
      'limit=501',
      'status=DONE',
      'sort=name',
      'foo=1',
      'submitted_after=monday',
      'cursor=abc',
    ])
      expect(await list(query)).toMatchObject({ status: 400, body: { code: 'request/invalid' } });
  });
});

describe('a task that has left the log', () => {
  it('is read from the archive, and may come back', async () => {
    const ended = await submit({ task_id: 'left-1', unique_key: undefined, parameters: { keep: 'me' } });
    await driver.start(ended);
    await driver.succeed(ended, 'kept');
    const failed = await submit({ unique_key: 'left-2', parameters: { keep: 'this' } });
    await driver.start(failed);
    await driver.fail(failed, 'broken');
    const seen = { status: await statusOf(ended), task: await get(ended), events: await events(ended) };
    await archive(log, databaseUrl);
    const { lastSequence } = await log.admin.state();
    await log.admin.purgeBelow(lastSequence + 1);
    expect((await log.read.task({ task_id: ended })).phase).toBe('none');

    expect(await statusOf(ended)).toEqual(seen.status);
    expect(await get(ended)).toEqual(seen.task);
    expect(await events(ended)).toEqual(seen.events);
    const result = await client.call<TaskResult>(`GET /tasks/${ended}/result`);
    expect(result).toMatchObject({ status: 200, body: { status: 'SUCCESS', result: 'kept' } });
    const cancelled = await client.call(`DELETE /tasks/${ended}`);
    expect(cancelled).toMatchObject({ status: 400, body: { code: 'task/already-succeeded' } });
    for (const again of [{ task_id: 'left-1' }, { unique_key: 'left-2' }]) {
      const answer = await client.call<SubmittedTask>('POST /tasks', {
        body: { task_name: 'work', ...again },
      });
      expect(answer).toMatchObject({ status: 200, body: { duplicate: true } });
    }

    expect(await client.call(`POST /tasks/${failed}/retry`)).toMatchObject({ status: 202 });
    expect(await statusOf(failed)).toMatchObject({ status: 'PENDING', attempt: 1 });
    expect((await get(failed)).parameters).toEqual({ keep: 'this' });
    expect((await events(failed)).map(({ kind }) => kind)).toEqual(['p5', 'started', 'failed', 'p5']);
    await driver.start(failed);
    await driver.succeed(failed, 'at last');
    expect(await statusOf(failed)).toMatchObject({ status: 'SUCCESS', attempt: 2 });
  });

  it('goes on from its last checkpoint when it comes back, unless it is to start from the start', async () => {
    const failedAt = async (): Promise<{ id: string; checkpoint: number }> => {
      const id = await submit({ parameters: { script: 'x'.repeat(9_000) } });
      await driver.start(id);
      const { sequence: checkpoint } = await driver.checkpoint(id, { next: 7 });
      await driver.fail(id, 'broken');
      return { id, checkpoint };
    };
    const [gone, anew, halfGone] = [await failedAt(), await failedAt(), await failedAt()];
    await archive(log, databaseUrl);
    // Of the last one the log has the end still, but neither parameters nor checkpoint.
    await log.admin.purgeBelow((await log.admin.state()).lastSequence);
    for (const { id, checkpoint } of [gone, halfGone]) {
      expect(await log.read.recordAt(checkpoint)).toBeUndefined();
      expect(await client.call(`POST /tasks/${id}/retry`)).toMatchObject({ status: 202 });
      const started = await driver.start(id);
      expect(started.data).toMatchObject({ checkpoint });
      const record = await log.read.recordAt(checkpoint);
      expect(record).toMatchObject({ kind: 'checkpoint', task_id: id, data: { state: { next: 7 } } });
      expect((await get(id)).parameters).toEqual({ script: 'x'.repeat(9_000) });
    }
    await client.call(`POST /tasks/${anew.id}/retry`, { body: { from_start: true } });
    expect((await driver.start(anew.id)).data).not.toHaveProperty('checkpoint');
  });

  it('only in part is read from the archive, too', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    await driver.succeed(taskId, 1);
    const seen = await statusOf(taskId);
    await archive(log, databaseUrl);
    const { lastSequence } = await log.admin.state();
    await log.admin.purgeBelow(lastSequence);
    expect(await statusOf(taskId)).toEqual(seen);
    expect((await events(taskId)).map(({ kind }) => kind)).toEqual(['p5', 'started', 'succeeded']);
  });
});

describe('with a Postgres that is slow', () => {
  it('lists wait for no more than its connections bear, the others answer 503, and all else goes on', async () => {
    const taskId = await submit();
    const locking = openDatabase(databaseUrl);
    const locked = locking.rows(
      'DO $$ BEGIN LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep(4); END $$',
    );
    await waitUntil(async () => {
      const [row] = await locking.rows<{ held: boolean }>(
        `SELECT count(*) > 0 AS held FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'tasks'::regclass`,
      );
      return row?.held ?? false;
    });
    const lists = Array.from({ length: 100 }, () => client.call<Problem>('GET /tasks'));
    const first = await Promise.race(lists);
    expect(first).toMatchObject({ status: 503, body: { code: 'archive/unavailable' } });
    const startedAt = performance.now();
    expect(await client.call('GET /tasks')).toMatchObject({ status: 503 });
    expect(await client.call(`DELETE /tasks/${taskId}`)).toMatchObject({ status: 200 });
    // Long before the table is there again.
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    await locked;
    await locking.close();
    const statuses = (await Promise.all(lists)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(80);
    expect(statuses).toContain(200);
    await waitUntil(async () => (await client.call('GET /tasks')).status === 200);
  });
});

describe('without Postgres', () => {
  it('lists answer 503, all else goes on; with it they come back', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    await archive(log, databaseUrl);
    await postgres.kill();

    const list = await client.call<Problem>('GET /tasks');
    expect(list).toMatchObject({ status: 503, body: { code: 'archive/unavailable' } });
    expect(list.headers.get('retry-after')).toBe('5');
    const startedAt = performance.now();
    const other = await submit();
    expect(await statusOf(taskId)).toMatchObject({ status: 'STARTED', position: null });
    expect(await statusOf(other)).toMatchObject({ status: 'PENDING', position: null });
    expect((await get(taskId)).attempts).toMatchObject([{ attempt: 1, outcome: 'running' }]);
    expect((await events(taskId)).map(({ kind }) => kind)).toEqual(['p5', 'started']);
    const waiting = client.call<TaskResult>(`GET /tasks/${taskId}/result`);
    await driver.succeed(taskId, 1);
    expect(await waiting).toMatchObject({ status: 200 });
    expect(await client.call<CancelledTask>(`DELETE /tasks/${other}`)).toMatchObject({ status: 200 });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    const unknown = await client.call('GET /tasks/no-such-task/status');
    expect(unknown).toMatchObject({ status: 503, body: { code: 'archive/unavailable' } });
    expect(await client.fetch<Readiness>('GET /health/ready')).toMatchObject({
      status: 200,
      body: { status: 'degraded', log: { status: 'up' }, postgres: { status: 'away' } },
    });

    const fresh = await GatewayClient.start(gateway.nats.url, { DATABASE_URL: databaseUrl });
    expect((await fresh.call('POST /tasks', { body: { task_name: 'work' } })).status).toBe(202);
    await fresh.stop();

    await postgres.restart();
    await waitUntil(async () => (await client.call('GET /tasks')).status === 200);
    expect((await client.fetch<Readiness>('GET /health/ready')).body.status).toBe('ok');
  });
});
