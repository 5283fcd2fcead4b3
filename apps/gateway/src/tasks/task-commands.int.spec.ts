import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { parseSubject, streams } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import type { GatewayClient } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startTestGateway } from '../testing/test-gateway.js';
import type { TestGateway } from '../testing/test-gateway.js';
import type { CancelledTask, CommandDone } from './task-commands.schema.js';

let gateway: TestGateway;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;

beforeAll(async () => {
  gateway = await startTestGateway();
  ({ log, driver, client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const submit = (more: Record<string, unknown> = {}): Promise<string> =>
  client.submit({ task_name: 'work', ...more });

const cancel = (taskId: string) =>
  client.call<Omit<CancelledTask, 'status'> & Problem>(`DELETE /tasks/${taskId}`);

const phaseOf = async (taskId: string): Promise<string> => (await log.read.task({ task_id: taskId })).phase;

describe('a cancel', () => {
  it('of a waiting task takes it from the queue', async () => {
    const taskId = await submit();
    const { status, body } = await cancel(taskId);
    expect(status).toBe(200);
    expect(body).toEqual({
      task_id: taskId,
      status: 'cancelled',
      message: 'Task was pending and has been removed from the queue',
      previous_state: 'PENDING',
      cancelled_at: expect.stringMatching(/^\d{4}-.*Z$/),
      sequence: expect.any(Number),
    });
    expect(await log.read.lastFact({ queue: 'default', task_id: taskId })).toMatchObject({
      kind: 'cancelled',
      actor: 'api:admin',
      data: { reason: 'cancelled', previous: 'PENDING' },
    });
  });

  it('of a delayed task takes its timer away', async () => {
    const taskId = await submit({ delay_seconds: 3600 });
    const state = await log.read.task({ task_id: taskId });
    if (state.phase !== 'scheduled') throw new Error(state.phase);
    const wait = state.sequence;
    const ref = { queue: 'default', task_id: taskId };
    expect(await log.admin.hasTimer(ref, wait)).toBe(true);
    expect(await cancel(taskId)).toMatchObject({ status: 200, body: { previous_state: 'PENDING' } });
    expect(await log.admin.hasTimer(ref, wait)).toBe(false);
  });

  it('of a running task ends it', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    expect(await cancel(taskId)).toMatchObject({
      status: 200,
      body: { message: 'Task was running and has been terminated', previous_state: 'STARTED' },
    });
    await expect(driver.succeed(taskId, null)).rejects.toThrow('cancelled');
  });

  it('of a task that has reported, waits for a retry or is paused says what it was', async () => {
    const reported = await submit();
    await driver.start(reported);
    await driver.report(reported, { percent: 50 });
    const retrying = await submit();
    await driver.start(retrying);
    await driver.fail(retrying, 'once', true);
    const paused = await submit();
    await driver.pause(paused);
    const answers = await Promise.all([reported, retrying, paused].map(cancel));
    expect(answers.map(({ body }) => body.previous_state)).toEqual(['PROCESSING', 'RETRY', 'PAUSED']);
  });

  it('of a task that succeeded is refused', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    await driver.succeed(taskId, 42);
    const { status, body } = await cancel(taskId);
    expect(status).toBe(400);
    expect(body).toMatchObject({
      code: 'task/already-succeeded',
      detail: 'Task has already completed successfully and cannot be cancelled',
    });
  });

  it('of a task that failed is refused and names retry and resume', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    await driver.fail(taskId, 'broken');
    const { status, body } = await cancel(taskId);
    expect(status).toBe(400);
    expect(body.code).toBe('task/already-failed');
    expect(body.detail).toMatch(/retried or resumed/);
  });

  it('of a cancelled task says that it was, and writes nothing', async () => {
    const taskId = await submit();
    const first = await cancel(taskId);
    const { lastSequence } = await log.admin.state();
    const second = await cancel(taskId);
    expect(second.status).toBe(200);
    expect(second.body).toEqual({
      ...first.body,
      message: 'Task was already cancelled',
      previous_state: 'REVOKED',
    });
    expect((await log.admin.state()).lastSequence).toBe(lastSequence);
  });

  it('of nothing is not found', async () => {
    expect(await cancel('no-such-task')).toMatchObject({ status: 404, body: { code: 'task/not-found' } });
  });

  it('of a task that changes too fast is asked of its worker', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    // A worker that writes without a pause, and ends the task when it is asked to.
    const { lastSequence } = await log.admin.state();
    const asked = new AbortController();
    const asks = log.follow({
      stream: streams.tasks.name,
      from: lastSequence + 1,
      filters: ['asks.default.>'],
      onMessages: (messages) => {
        for (const { subject } of messages) {
          const parsed = parseSubject(subject);
          if (parsed.type === 'ask' && parsed.verb === 'stop') asked.abort();
        }
      },
    });
    let sequence = (await log.read.lastFact({ queue: 'default', task_id: taskId }))?.sequence ?? 0;
    const state = await log.read.task({ task_id: taskId });
    if (state.phase !== 'running') throw new Error(state.phase);
    const { run } = state;
    const ref = { queue: 'default', task_id: taskId };
    const writing = (async () => {
      while (!asked.signal.aborted) {
        const progress = { kind: 'progress', data: { run, progress: { percent: 1 } } } as const;
        const fact = await log.append(ref, sequence, progress, { actor: 'worker:1' }).catch(() => undefined);
        if (!fact) return;
        sequence = fact.sequence;
      }
      await driver.log.change(ref, { type: 'cancel', token: run.token }, { actor: 'worker:1' });
    })();
    const answer = await cancel(taskId);
    await writing;
    await asks.stop();
    expect(answer).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    expect(await phaseOf(taskId)).toBe('cancelled');
  });
});

describe('a retry', () => {
  const retry = (taskId: string, body?: object) =>
    client.call<CommandDone & Problem>(`POST /tasks/${taskId}/retry`, body ? { body } : {});

  it('brings a failed task back, its attempts counted anew', async () => {
    const taskId = await submit({ retry: { max_retries: 0 } });
    await driver.start(taskId);
    await driver.fail(taskId, 'broken', true);
    const { status, body } = await retry(taskId);
    expect(status).toBe(202);
    expect(body).toMatchObject({ success: true, task_id: taskId, new_task_id: taskId });
    const state = await log.read.task({ task_id: taskId });
    expect(state).toMatchObject({ phase: 'ready', attempts: { begun: 1, failed: 0, lost: 0 } });
    await driver.start(taskId);
    await driver.succeed(taskId, 'at last');
    expect(await retry(taskId, { from_start: true })).toMatchObject({
      status: 400,
      body: { code: 'task/not-retryable' },
    });
  });

  it('is refused for what has not failed, and for what it does not know', async () => {
    expect(await retry(await submit())).toMatchObject({ status: 400, body: { code: 'task/not-retryable' } });
    expect(await retry('no-such-task')).toMatchObject({ status: 404 });
    expect(await retry('a', { from: 1 })).toMatchObject({ status: 400, body: { code: 'request/invalid' } });
  });
});

describe('a resume', () => {
  const resume = (taskId: string) => client.call<CommandDone & Problem>(`POST /tasks/${taskId}/resume`);

  it('makes a paused or failed task ready again', async () => {
    const paused = await submit();
    await driver.pause(paused);
    expect(await resume(paused)).toMatchObject({
      status: 200,
      body: { success: true, message: 'Task resumed successfully', new_task_id: paused },
    });
    const failed = await submit();
    await driver.start(failed);
    await driver.fail(failed, 'broken');
    expect(await resume(failed)).toMatchObject({ status: 200 });
    expect(await Promise.all([paused, failed].map(phaseOf))).toEqual(['ready', 'ready']);
  });

  it('is refused for a task that succeeded', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    await driver.succeed(taskId, null);
    expect(await resume(taskId)).toMatchObject({ status: 400, body: { code: 'task/not-resumable' } });
  });
});

describe('two commands at once', () => {
  it('do not both win', async () => {
    const taskId = await submit();
    await driver.start(taskId);
    await driver.fail(taskId, 'broken');
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => client.call(`POST /tasks/${taskId}/retry`)),
    );
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    await waitUntil(async () => {
      const facts = await log.read.history({ queue: 'default', task_id: taskId });
      return facts.filter(({ kind }) => kind === 'p5').length === 2;
    });
  });
});
