import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { openTestLog, shareTestPostgres, spawnApp, startTestNats, waitUntil } from '@millrace/testing';
import type { SharedPostgres, TestApp, TestNats } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import type { TaskEvents, TaskList, TaskView } from '../tasks/task-view.schema.js';
import { GatewayClient } from '../testing/gateway-client.js';
import { TaskDriver } from '../testing/task-driver.js';
import type { CleanupDone, CleanupRuns } from './cleanup.schema.js';

const PROJECTOR = new URL('../../../projector/dist/main.js', import.meta.url);
const SCHEDULER = new URL('../../../scheduler/dist/main.js', import.meta.url);
const STARTS_WITHIN_MS = 40_000;

let nats: TestNats;
let postgres: SharedPostgres;
let projector: TestApp;
let scheduler: TestApp;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), shareTestPostgres()]);
  log = await openTestLog(nats.url);
  driver = new TaskDriver(log);
  await driver.register({ name: 'work', queue: 'default' });
  const env = { NATS_URL: nats.url, DATABASE_URL: await postgres.freshDatabase() };
  client = await GatewayClient.start(nats.url, env);
  projector = spawnApp(PROJECTOR, env);
  // What failed is due at once, and no regular run comes first.
  const settings = { MILLRACE_CLEANUP_RETENTION_HOURS: '0', MILLRACE_QUIET_SECONDS: '3600' };
  scheduler = spawnApp(SCHEDULER, { ...env, ...settings });
  await Promise.all([
    projector.line('Projecting the log', STARTS_WITHIN_MS),
    scheduler.line(/"concern":"cleanup","msg":"Leads"/, STARTS_WITHIN_MS),
  ]);
}, 60_000);

afterAll(async () => {
  await client.stop();
  await Promise.all([projector.kill(), scheduler.kill()]);
  await log.close();
  await Promise.all([nats.stop(), postgres.stop()]);
});

const failed = async (id: string): Promise<void> => {
  await client.submit({ task_name: 'work', task_id: id, parameters: { secret: 1 } });
  await driver.start(id);
  await driver.fail(id, 'no disk');
  await waitUntil(async () => (await list('?status=FAILURE')).includes(id));
};

const list = async (query: string): Promise<string[]> =>
  (await client.call<TaskList>(`GET /tasks${query}`)).body.items.map(({ task_id }) => task_id);

describe('the clean-up', () => {
  it('tells what it would do, does it, and keeps the history', async () => {
    await failed('old');
    const dry = await client.call<CleanupDone>('POST /tasks/cleanup', { body: { dry_run: true } });
    expect(dry).toMatchObject({
      status: 200,
      body: { success: true, dry_run: true, results: { tasks_cleaned: 1, errors: [] } },
    });
    const { status, body } = await client.call<CleanupDone>('POST /tasks/cleanup');
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        success: true,
        results: {
          tasks_cleaned: 1,
          state_cleaned: 0,
          temp_files_cleaned: 0,
          by_task: { work: { FAILURE: 1 } },
          errors: [],
        },
        message: 'Failed tasks cleanup completed',
        dry_run: false,
        is_complete: true,
      },
    });
    const events = await client.call<TaskEvents>('GET /tasks/old/events');
    expect(events.body.items.map(({ kind }) => kind)).toEqual(['p5', 'started', 'failed', 'cleaned']);
    const runs = await client.call<CleanupRuns>('GET /tasks/cleanup');
    expect(runs.body).toMatchObject({
      totals: { runs: 1, tasks_cleaned: 1, by_task: { work: { FAILURE: 1 } } },
      items: [{ actor: 'api:admin', tasks_cleaned: 1, queue: null }],
    });
  });

  it('leaves a task that says what became of it, and lists leave out', async () => {
    const task = await client.call<TaskView>('GET /tasks/old');
    expect(task.body).toMatchObject({
      status: 'FAILURE',
      parameters: null,
      error: null,
      cleaned_at: expect.any(String),
      notice: expect.stringMatching(/^The task ended as FAILURE at .* and was cleaned up at .*\.$/),
    });
    const result = await client.call<Problem>('GET /tasks/old/result');
    expect(result).toMatchObject({ status: 410, body: { code: 'task/cleaned' } });
    await waitUntil(async () => !(await list('?status=FAILURE')).includes('old'));
    expect(await list('?status=FAILURE&cleaned=true')).toEqual(['old']);
    const explained = await client.call<{ because: string[] }>('GET /tasks/old/explain');
    expect(explained.body.because[0]).toContain('was cleaned up at');
  });

  it('does what its guide says', async () => {
    const guide = await readFile(new URL('../../../../docs/guides/cleanup.md', import.meta.url), 'utf8');
    const requests = [...guide.matchAll(/^curl "\$API([^"]+)"(?:.*-d '([^']+)')?.* # (\d{3})$/gm)];
    expect(requests).toHaveLength(3);
    for (const [, path = '', body, status] of requests)
      expect([
        path,
        (await client.call(`${body ? 'POST' : 'GET'} ${path as `/${string}`}`, body ? { body } : {})).status,
      ]).toEqual([path, Number(status)]);
  });

  it('is refused what it does not understand, and says when no scheduler is there', async () => {
    expect(await client.call('POST /tasks/cleanup', { body: { dry_run: 'yes' } })).toMatchObject({
      status: 400,
    });
    await scheduler.kill();
    expect(await client.call('POST /tasks/cleanup')).toMatchObject({
      status: 503,
      body: { code: 'scheduler/unavailable' },
    });
  });
});
