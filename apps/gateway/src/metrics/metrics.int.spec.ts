import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ProjectionConnection, openDatabase } from '@millrace/read-model';
import { startTestPostgres } from '@millrace/testing';
import type { TestPostgres } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import { archive } from '../testing/archiver.js';
import type { GatewayClient } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';
import { workerExamples } from '../workers/workers.schema.js';
import type { MetricSeriesView } from './metric-series.schema.js';
import { metricsExamples } from './metrics-examples.js';
import type { TaskHealth, TaskMetrics } from './metrics.schema.js';
import type { TaskStats } from './task-stats.schema.js';

let gateway: ArchivingGateway;
let postgres: TestPostgres;
let client: GatewayClient;
let driver: TaskDriver;

beforeAll(async () => {
  postgres = await startTestPostgres();
  gateway = await startArchivingGateway({ postgres });
  ({ client, driver } = gateway);
  for (const id of ['s1', 's2', 's3', 'f1', 'r1', 'c1', 'w1']) await submit(id);
  for (const id of ['s1', 's2', 's3', 'f1', 'r1']) await driver.start(id);
  for (const id of ['s1', 's2', 's3']) await driver.succeed(id, null);
  await driver.fail('f1', 'broken');
  await client.call('POST /tasks/f1/resume');
  await driver.start('f1');
  await driver.succeed('f1', null);
  await client.call('DELETE /tasks/c1');
  await project();
}, 60_000);

afterAll(() => gateway.stop());

const submit = (task_id: string): Promise<unknown> =>
  client.call('POST /tasks', { body: { task_name: 'work', task_id } });

const project = (): Promise<void> => archive(gateway.log, gateway.databaseUrl);

/** As the projector does when a minute is over. */
async function rollUp(): Promise<void> {
  const connection = await ProjectionConnection.open(gateway.databaseUrl);
  const { createdAt } = await gateway.log.admin.state();
  const [before, longAgo] = [Date.now() + 60_000, 0].map((ms) => new Date(ms).toISOString()) as [
    string,
    string,
  ];
  await (
    await connection.resume(createdAt)
  ).rollUpMetrics({ before, minutesFrom: longAgo, hoursFrom: longAgo });
  await connection.close();
}

type Path = Parameters<GatewayClient['call']>[0];

const read = async <T>(path: Path): Promise<T> => {
  const { status, body } = await client.call<T>(path);
  expect({ path, status }).toEqual({ path, status: 200 });
  return body;
};

/** The same keys, and values of the same types, at every depth; of what is named by tasks and queues, any. */
const shapeOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]))
    : typeof value;

describe('the stats', () => {
  it('count the tasks by status, queue and name, and how operations went', async () => {
    const stats = await read<TaskStats>('GET /tasks/stats');
    const counts = { ...zeros(), PENDING: 1, STARTED: 1, SUCCESS: 4, REVOKED: 1 };
    expect(stats).toMatchObject({
      total_tasks: 7,
      by_status: counts,
      by_queue: { default: counts },
      by_task_name: { work: counts },
      rates: { last_hour: { submitted: 7, started: 6, completed: 4, failed: 1, cancelled: 1 } },
      operations: { resumed: 1, resumed_completed: 1, resume_success_rate: 100, reordered: 0 },
      projection: { sequence: expect.any(Number), lag_ms: expect.any(Number) },
    });
  });
});

describe('the metrics', () => {
  it.each(['', '?window=1h', '?window=30d', '?queue=default', '?task_name=work'])(
    'of %p have what ended, its rates and durations',
    async (query) => {
      const { metrics, timestamp } = await read<TaskMetrics>(`GET /tasks/metrics${query}`);
      expect(metrics).toEqual({
        total_tasks: 6,
        completed_tasks: 4,
        failed_tasks: 1,
        retried_tasks: 0,
        cancelled_tasks: 1,
        success_rate: 66.67,
        failure_rate: 16.67,
        average_durations: { work: 0.005 },
        durations: { work: expect.objectContaining({ p50: expect.closeTo(0.005, 3) }) },
        waits: { work: expect.objectContaining({ p99: expect.any(Number) }) },
        currently_running: 1,
      });
      expect(new Date(timestamp).toISOString()).toBe(timestamp);
    },
  );

  it('of another queue are zeros', async () => {
    const { metrics } = await read<TaskMetrics>('GET /tasks/metrics?queue=none');
    expect(metrics).toMatchObject({ total_tasks: 0, success_rate: 0, durations: {}, currently_running: 0 });
  });

  it.each([false, true])('come by intervals, too; rolled up: %p', async (isRolledUp) => {
    const [from, to] = [-1, 1].map((hours) => new Date(Date.now() + hours * 3_600_000).toISOString());
    if (isRolledUp) await rollUp();
    const { interval_seconds, points } = await read<MetricSeriesView>(
      `GET /tasks/metrics/series?from=${from}&to=${to}&interval=15m&queue=default&percentiles=true`,
    );
    expect(interval_seconds).toBe(900);
    expect(points.length).toBeGreaterThanOrEqual(8);
    expect(points.reduce((sum, { completed }) => sum + completed, 0)).toBe(4);
    expect(points.some(({ duration }) => duration !== null)).toBe(true);
    expect(points.at(-1)).toMatchObject({ waiting: 1, running: 1, wait: null });
  });

  it.each<[Path, string]>([
    ['GET /tasks/metrics?window=soon', 'window'],
    ['GET /tasks/metrics?window=5s', 'window'],
    ['GET /tasks/metrics/series?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'to'],
    ['GET /tasks/metrics/series?from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z', 'interval'],
  ])('are refused to %s', async (path, wrong) => {
    expect(await client.call<Problem>(path)).toMatchObject({
      status: 400,
      body: { code: 'request/invalid', errors: [{ path: wrong }] },
    });
  });
});

const health = (): Promise<TaskHealth> => read<TaskHealth>('GET /tasks/health');

describe('the health', () => {
  it('is what the failures, the long runs and the memory of the workers make it, and good again after them', async () => {
    expect(await health()).toMatchObject({
      status: 'warning',
      metrics: { total_tasks: 6, success_rate: 66.67, failure_rate: 16.67 },
      // Of those that succeeded or failed, as the rule has it.
      alerts: [{ severity: 'warning', metric: 'failure_rate', value: 20, rule: 'failure_rate' }],
    });
    const database = openDatabase(gateway.databaseUrl);
    await database.rows(`UPDATE tasks SET started_at = now() - interval '520.5 seconds' WHERE id = 'r1'`);
    await gateway.log.buckets.workers.put('big', {
      ...workerExamples.one,
      worker_id: 'big',
      memory_bytes: 2 * 1024 ** 3,
    });
    const worse = await health();
    await gateway.log.buckets.workers.delete('big');
    expect(worse.status).toBe('critical');
    expect(worse.alerts).toEqual([
      expect.objectContaining({ severity: 'critical', metric: 'memory_usage', worker_id: 'big' }),
      expect.objectContaining({ severity: 'warning', metric: 'failure_rate' }),
      {
        severity: 'warning',
        message: expect.stringMatching(/^Task r1 running for 52\d seconds$/),
        metric: 'task_duration',
        value: expect.any(Number),
        rule: 'task_duration',
        queue: 'default',
        task_name: 'work',
        task_id: 'r1',
      },
    ]);
    await database.rows(`UPDATE tasks SET started_at = now() WHERE id = 'r1'`);
    await database.close();
    await expectJudgedByRules();
    for (let more = 0; more < 6; more++) {
      await submit(`more-${more}`);
      await driver.start(`more-${more}`);
      await driver.succeed(`more-${more}`, null);
    }
    await project();
    expect(await health()).toMatchObject({ status: 'healthy', alerts: [] });
  });
});

/** With one failure of five tasks: by what is written over the default rule and beside it, until that is taken back. */
async function expectJudgedByRules(): Promise<void> {
  const rule = { metric: 'failure_rate', warning: 10, min_count: 1 };
  const put = (name: string, changes: object): Promise<unknown> =>
    client.call(`PUT /alert-rules/${name}`, { body: { ...rule, ...changes } });
  const found = async (query = ''): Promise<unknown> =>
    (await read<TaskHealth>(`GET /tasks/health${query}`)).alerts.map(({ severity, message }) => [
      severity,
      message,
    ]);
  await put('failure_rate', { critical: 19, message: '{value} in {queue}', each: 'queue' });
  expect(await found()).toEqual([['critical', '20 % in default']]);
  expect(await found('?window=1h')).toEqual([['critical', 'Failure rate is 20 % of 5 tasks in the last 1h']]);
  await put('failure_rate', { warning: 30 });
  await put('work', { task_name: 'work', message: '{task_name} fails' });
  expect(await found()).toEqual([['warning', 'work fails']]);
  await put('work', { enabled: false });
  expect(await health()).toMatchObject({ status: 'healthy', alerts: [] });
  for (const name of ['failure_rate', 'work']) await client.call(`DELETE /alert-rules/${name}`);
}

describe('the answers', () => {
  it('have the keys and types of the examples', async () => {
    const { average_durations: _a, durations: _d, waits: _w, ...metrics } = metricsExamples.metrics.metrics;
    const { body } = await client.call<TaskMetrics>('GET /tasks/metrics');
    expect(shapeOf(body.metrics)).toMatchObject(shapeOf(metrics) as object);
    expect(Object.keys(await health())).toEqual(Object.keys(metricsExamples.health));
  });

  it('are 503 without Postgres, and no task of that name', async () => {
    await postgres.kill();
    for (const path of ['stats', 'metrics', 'health'])
      expect(await client.call<Problem>(`GET /tasks/${path}`)).toMatchObject({
        status: 503,
        body: { code: 'archive/unavailable' },
      });
  });
});

const zeros = (): Record<string, number> =>
  Object.fromEntries(
    ['PENDING', 'STARTED', 'PROCESSING', 'SUCCESS', 'FAILURE', 'RETRY', 'REVOKED', 'PAUSED'].map((status) => [
      status,
      0,
    ]),
  );
