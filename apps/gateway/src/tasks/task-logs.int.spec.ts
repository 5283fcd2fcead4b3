import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import type { GatewayClient } from '../testing/gateway-client.js';
import { startTestGateway } from '../testing/test-gateway.js';
import type { TestGateway } from '../testing/test-gateway.js';
import type { TaskLogs } from './task-logs.schema.js';

let gateway: TestGateway;
let log: TaskLog;
let client: GatewayClient;

beforeAll(async () => {
  gateway = await startTestGateway();
  ({ log, client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const write = (task_id: string, message: string): void => {
  log.writeLine(
    { queue: 'default', task_id },
    {
      at: '2026-03-01T09:30:00.120Z',
      level: 'info',
      message,
      attempt: 1,
      worker: 'w1',
      fields: { who: 'Ada' },
    },
  );
};

const page = async (taskId: string, query = ''): Promise<TaskLogs> =>
  (await client.call<TaskLogs>(`GET /tasks/${taskId}/logs${query}`)).body;

describe('the lines of a task', () => {
  it('are read page by page in the order in which they were logged, and then as they come', async () => {
    const [taskId, other] = [
      await client.submit({ task_name: 'work' }),
      await client.submit({ task_name: 'work' }),
    ];
    const messages = Array.from({ length: 25 }, (_, i) => `line ${i}`);
    for (const message of messages) {
      write(taskId, message);
      write(other, 'another');
    }
    await waitUntil(async () => (await page(other)).items.length === 25);
    const read: string[] = [];
    let after = 0;
    for (;;) {
      const { items, next } = await page(taskId, `?after=${after}&limit=10`);
      if (items.length === 0) break;
      read.push(...items.map(({ message }) => message));
      after = next;
    }
    expect(read).toEqual(messages);
    write(taskId, 'late');
    const late = await waitUntil(async () => (await page(taskId, `?after=${after}`)).items[0]);
    expect(late).toEqual({
      sequence: expect.any(Number),
      at: '2026-03-01T09:30:00.120Z',
      level: 'info',
      message: 'late',
      attempt: 1,
      worker: 'w1',
      fields: { who: 'Ada' },
    });
  });

  it('are none of a task that logs nothing', async () => {
    const taskId = await client.submit({ task_name: 'work' });
    expect(await page(taskId)).toEqual({ items: [], next: 0 });
  });

  it('of an unknown task, or by a wrong question, are refused', async () => {
    expect(await client.call<Problem>('GET /tasks/nothing/logs')).toMatchObject({
      status: 404,
      body: { code: 'task/not-found' },
    });
    const taskId = await client.submit({ task_name: 'work' });
    expect(await client.call<Problem>(`GET /tasks/${taskId}/logs?after=-1&limit=0`)).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'after' }, { path: 'limit' }] },
    });
  });
});
