import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { openTestLog, shareTestPostgres, spawnApp, startTestNats } from '@millrace/testing';
import type { SharedPostgres, TestApp, TestNats } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import { QUESTIONS } from '../testing/command-table.js';
import type { CommandName, StateName } from '../testing/command-table.js';
import { GatewayClient } from '../testing/gateway-client.js';
import { TaskDriver } from '../testing/task-driver.js';

const PROJECTOR = new URL('../../../projector/dist/main.js', import.meta.url);
const SCHEDULER = new URL('../../../scheduler/dist/main.js', import.meta.url);

/** Processes of their own, on a machine that may be busy. */
const STARTS_WITHIN_MS = 40_000;

let nats: TestNats;
let postgres: SharedPostgres;
let apps: TestApp[] = [];
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
  await fillTheOnlySlot();
  apps = [PROJECTOR, SCHEDULER].map((main) => spawnApp(main, env));
  await Promise.all([
    apps[0]?.line('Projecting the log', STARTS_WITHIN_MS),
    apps[1]?.line(/"concern":"reorder","msg":"Leads"/, STARTS_WITHIN_MS),
  ]);
}, 60_000);

afterAll(async () => {
  await client.stop();
  await Promise.all(apps.map((app) => app.kill()));
  await log.close();
  await Promise.all([nats.stop(), postgres.stop()]);
});

const LIMITED = 'limited';

/** One task runs in a queue in which no more may. */
async function fillTheOnlySlot(): Promise<void> {
  await log.buckets.queues.put(LIMITED, { name: LIMITED, defined_by: 'test', settings: { concurrency: 1 } });
  const id = await client.submit({ ...TASK, queue: LIMITED });
  if ((await log.read.task({ task_id: id })).phase === 'ready') await driver.hold(id);
  await driver.grant(id);
  await driver.start(id);
}

const TASK = { task_name: 'work', retry: { max_retries: 1 } };

/** Takes a new task into the state. */
const ways: Record<StateName, (id: string) => Promise<unknown>> = {
  'no task': () => Promise.resolve(),
  PENDING: (id) => client.submit({ ...TASK, task_id: id }),
  'PENDING, delayed': (id) => client.submit({ ...TASK, task_id: id, delay_seconds: 3600 }),
  'PENDING, held': async (id) => {
    await ways.STARTED(id);
    await driver.waitFor(id, 'signal:go');
  },
  'PENDING, limited': async (id) => {
    await client.submit({ ...TASK, task_id: id, queue: LIMITED });
    if ((await log.read.task({ task_id: id })).phase === 'ready') await driver.hold(id);
  },
  STARTED: async (id) => {
    await ways.PENDING(id);
    await driver.start(id);
  },
  PROCESSING: async (id) => {
    await ways.STARTED(id);
    await driver.report(id, { percent: 1 });
  },
  RETRY: async (id) => {
    await ways.STARTED(id);
    await driver.fail(id, 'once', true);
  },
  PAUSED: async (id) => {
    await ways.PENDING(id);
    await driver.pause(id);
  },
  SUCCESS: async (id) => {
    await ways.STARTED(id);
    await driver.succeed(id, 1);
  },
  FAILURE: async (id) => {
    await ways.STARTED(id);
    await driver.fail(id, 'broken');
  },
  REVOKED: async (id) => {
    await ways.PENDING(id);
    await client.call(`DELETE /tasks/${id}`);
  },
  'FAILURE, cleaned': async (id) => {
    await ways.FAILURE(id);
    await driver.clean(id);
  },
};

const ask = (command: CommandName, id: string) => {
  type Said = Problem | { message?: string };
  switch (command) {
    case 'submit':
      return client.call<Said>('POST /tasks', { body: { ...TASK, task_id: id } });
    case 'cancel':
      return client.call<Said>(`DELETE /tasks/${id}`);
    case 'pause':
      return client.call<Said>(`POST /tasks/${id}/pause`, { body: { grace_seconds: 0 } });
    case 'signal':
      return client.call<Said>(`POST /tasks/${id}/signals`, { body: { name: 'other' } });
    case 'priority':
      return client.call<Said>(`POST /tasks/${id}/priority`, { body: { priority: 9 } });
    case 'reorder':
      return client.call<Said>(`POST /tasks/${id}/reorder`, { body: { position: 'front' } });
    case 'reschedule':
      return client.call<Said>(`POST /tasks/${id}/reschedule`, { body: { delay_seconds: 60 } });
    case 'retry':
    case 'resume':
    case 'run-now':
    case 'branch':
      return client.call<Said>(`POST /tasks/${id}/${command}`);
  }
};

const general = (text: string | undefined, id: string): string | undefined =>
  text?.replace(id, '{id}').replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '{time}');

let tasks = 0;

describe.each(Object.keys(ways) as StateName[])('a task that is %s', (state) => {
  it.each(QUESTIONS.filter((question) => question.state === state))(
    'answers $command with $answer.status',
    async ({ command, answer }) => {
      const id = `task-${++tasks}`;
      await ways[state](id);
      const { lastSequence } = await log.admin.state();
      const { status, body } = await ask(command, id);
      expect({
        status,
        ...('code' in body && { code: body.code }),
        ...(answer.says !== undefined && {
          says: general('detail' in body ? body.detail : body.message, id),
        }),
      }).toEqual(answer);
      if (status >= 400) expect((await log.admin.state()).lastSequence).toBe(lastSequence);
    },
  );
});
