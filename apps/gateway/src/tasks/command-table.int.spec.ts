import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { openTestLog, startTestNats } from '@millrace/testing';
import type { TestNats } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import { QUESTIONS } from '../testing/command-table.js';
import type { CommandName, StateName } from '../testing/command-table.js';
import { GatewayClient } from '../testing/gateway-client.js';
import { TaskDriver } from '../testing/task-driver.js';

let nats: TestNats;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;

beforeAll(async () => {
  nats = await startTestNats();
  log = await openTestLog(nats.url);
  driver = new TaskDriver(log);
  await driver.register({ name: 'work', queue: 'default' });
  client = await GatewayClient.start(nats.url);
}, 60_000);

afterAll(async () => {
  await client.stop();
  await log.close();
  await nats.stop();
});

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
    case 'retry':
    case 'resume':
    case 'branch':
      return client.call<Said>(`POST /tasks/${id}/${command}`);
  }
};

const general = (text: string | undefined, id: string): string | undefined =>
  text?.replace(id, '{id}').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, '{time}');

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
