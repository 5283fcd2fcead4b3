import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import type { GatewayClient } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startTestGateway } from '../testing/test-gateway.js';
import type { TestGateway } from '../testing/test-gateway.js';
import type { CommandDone, SentSignal } from './task-commands.schema.js';

let gateway: TestGateway;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;

beforeAll(async () => {
  gateway = await startTestGateway();
  ({ log, driver, client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const submit = (): Promise<string> => client.submit({ task_name: 'work' });
const refOf = (taskId: string) => ({ queue: 'default', task_id: taskId });

/** Whatever is asked changes nothing. */
async function unmoved<T>(question: () => Promise<T>): Promise<T> {
  const { lastSequence } = await log.admin.state();
  const answer = await question();
  expect((await log.admin.state()).lastSequence).toBe(lastSequence);
  return answer;
}

describe('a signal', () => {
  const send = (taskId: string, body: unknown, key?: string) =>
    client.call<SentSignal & Problem>(`POST /tasks/${taskId}/signals`, {
      body,
      ...(key !== undefined && { key }),
    });

  it('is in the log with its sender when it is answered, and nothing else has changed', async () => {
    const taskId = await submit();
    const { status, body } = await send(taskId, { name: 'go on', payload: [1, null] });
    expect(status).toBe(202);
    expect(body).toEqual({ task_id: taskId, name: 'go on', sequence: expect.any(Number) });
    expect(await log.read.signals(refOf(taskId), 0)).toMatchObject([
      { sequence: body.sequence, name: 'go on', payload: [1, null] },
    ]);
    expect((await log.read.task(refOf(taskId))).phase).toBe('ready');
  });

  it('makes a task ready that waits for it, and no other', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    await driver.waitFor(taskId, 'signal:go');
    await send(taskId, { name: 'stop' });
    expect((await log.read.task(refOf(taskId))).phase).toBe('held');
    await send(taskId, { name: 'go' });
    expect((await log.read.task(refOf(taskId))).phase).toBe('ready');
  });

  it('is refused with a sentence when it is too large, is none, or comes from a viewer', async () => {
    const taskId = await submit();
    const large = await unmoved(() => send(taskId, { name: 'go', payload: 'ü'.repeat(33_000) }));
    expect(large).toMatchObject({ status: 413, body: { code: 'signal/too-large' } });
    expect(large.body.detail).toContain('66002 bytes');
    for (const body of [{}, { name: '' }, { name: 'x'.repeat(129) }, { name: 'go', payloed: 1 }])
      expect(await unmoved(() => send(taskId, body))).toMatchObject({ status: 400 });
    const made = await client.call<{ key: string }>('POST /keys', { body: { name: 'eve', role: 'viewer' } });
    expect(await unmoved(() => send(taskId, { name: 'go' }, made.body.key))).toMatchObject({ status: 403 });
  });
});

describe('a pause of a running task', () => {
  const pause = (taskId: string, body: object) =>
    client.call<CommandDone & Problem>(`POST /tasks/${taskId}/pause`, { body });

  const asked = (taskId: string, after = 0): Promise<number> =>
    waitUntil(async () => {
      const ask = await log.read.lastOn(`asks.default.pause.${taskId}`);
      return ask && ask.sequence > after && ask.sequence;
    });

  it('asks its worker, with the reason and the grace', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    const pausing = pause(taskId, { grace_seconds: 20, reason: 'disk swap' });
    const ask = await log.read.messageAt(await asked(taskId));
    const { grace_seconds, reason, actor } = JSON.parse(ask!.payload) as Record<string, unknown>;
    expect({ reason, actor }).toEqual({ reason: 'disk swap', actor: 'api:admin' });
    expect(grace_seconds).toBeGreaterThan(19);
    await driver.pause(taskId);
    expect(await pausing).toMatchObject({ status: 200, body: { message: 'Task paused successfully' } });
  });

  it.each([
    ['fails and waits for a retry', (id: string) => driver.fail(id, 'once', true)],
    ['waits for a signal', (id: string) => driver.waitFor(id, 'signal:go')],
    ['is handed over', (id: string) => driver.yield(id)],
  ])('puts it aside at once when its attempt %s', async (_what, end) => {
    const taskId = await submit();
    await driver.start(taskId);
    const pausing = pause(taskId, { grace_seconds: 30 });
    await asked(taskId);
    await end(taskId);
    expect(await pausing).toMatchObject({ status: 200 });
    expect(await log.read.lastFact(refOf(taskId))).toMatchObject({ kind: 'paused', actor: 'api:admin' });
  });

  it('asks the next attempt when one was taken over, with what is left of the grace', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    const pausing = pause(taskId, { grace_seconds: 30 });
    const first = await asked(taskId);
    await driver.takeOver(taskId, 'worker-2');
    const second = await log.read.messageAt(await asked(taskId, first));
    expect((JSON.parse(second!.payload) as { grace_seconds: number }).grace_seconds).toBeLessThan(30);
    await driver.pause(taskId);
    expect((await pausing).status).toBe(200);
  });

  it('is refused when the task ends in its grace', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    const pausing = pause(taskId, { grace_seconds: 30 });
    await asked(taskId);
    await driver.succeed(taskId, 42);
    expect(await pausing).toMatchObject({ status: 400, body: { code: 'task/already-ended' } });
  });

  it('by many at once is one', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    const answers = await Promise.all(Array.from({ length: 5 }, () => pause(taskId, { grace_seconds: 0 })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const facts = await log.read.history(refOf(taskId));
    expect(facts.map(({ kind }) => kind)).toEqual(['p5', 'started', 'paused']);
  });

  it('refuses a grace that is none', async () => {
    const taskId = await submit();
    for (const grace_seconds of [-1, 61, '5'])
      expect(await unmoved(() => pause(taskId, { grace_seconds }))).toMatchObject({ status: 400 });
  });
});
