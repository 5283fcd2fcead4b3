import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { NO_TASK, decide } from '@millrace/domain';
import type { ExistingTask, Json } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import { aSpec, openTestLog, startTestNats, waitUntil } from '@millrace/testing';
import type { TestNats } from '@millrace/testing';
import { AppSlot } from './system/app-slot.js';
import { STRAY_HANDLERS } from './system/places.js';
import { STRAY_QUEUE } from './system/stray-handlers.js';

const LIMIT_MS = 60_000;

describe('what handlers leave lying about', () => {
  let nats: TestNats;
  let log: TaskLog;
  let worker: AppSlot;
  let dir: string;
  let gate: string;

  beforeAll(async () => {
    nats = await startTestNats();
    log = await openTestLog(nats.url);
    dir = await mkdtemp(join(tmpdir(), 'millrace-test-stray-'));
    gate = join(dir, 'gate');
  });
  afterAll(async () => {
    await log.close();
    await nats.stop();
    await rm(dir, { recursive: true });
  });

  beforeEach(async () => {
    await writeFile(gate, '');
    worker = new AppSlot('worker', {
      NATS_URL: nats.url,
      MILLRACE_HANDLERS: STRAY_HANDLERS,
      MILLRACE_CONCURRENCY: '10',
      MILLRACE_LEASE_SECONDS: '1',
      MILLRACE_QUIET_SECONDS: '0',
      MILLRACE_DRAIN_SECONDS: '1',
    });
    await startWorker();
  });
  afterEach(() => worker.kill());

  const startWorker = () => worker.start().line('Worker started', LIMIT_MS);

  const submit = async (name: string, parameters: Json = null): Promise<string> => {
    const id = crypto.randomUUID();
    const command = { type: 'submit', spec: aSpec({ name }), parameters } as const;
    const event = decide(command, NO_TASK, { now: Date.now(), random: 0 });
    if (!event) throw new Error('A submission makes an event.');
    await log.append({ queue: STRAY_QUEUE, task_id: id }, 0, event, { actor: 'api:test' });
    return id;
  };

  const until = (id: string, is: (state: ExistingTask) => boolean): Promise<ExistingTask> =>
    waitUntil(
      async () => {
        const state = await log.read.task({ queue: STRAY_QUEUE, task_id: id });
        return state.phase !== 'none' && is(state) && state;
      },
      { timeoutMs: LIMIT_MS, every: 20, what: `task ${id}` },
    );
  const success = (id: string) => until(id, ({ phase }) => phase === 'succeeded');
  const steady = async (): Promise<string> => {
    const id = await submit('steady', { until_gone: gate });
    await until(id, (state) => state.phase === 'running' && state.run.checkpoint !== undefined);
    return id;
  };

  it(
    'is told when it is a promise that rejects, and disturbs no other task of the worker',
    async () => {
      const neighbour = await steady();
      const { app } = worker;
      expect(await success(await submit('forgets_a_promise'))).toMatchObject({ result: 'early' });
      const line = await app.line('A promise failed that nobody waits for', LIMIT_MS);
      expect(JSON.parse(line)).toMatchObject({ level: 'error', err: { message: 'nobody waits for this' } });
      await rm(gate);
      expect(await success(neighbour)).toMatchObject({ result: { attempt: 1 } });
      expect(worker.app).toBe(app);
    },
    LIMIT_MS,
  );

  it(
    'ends the worker when it is an exception out of reach; its tasks are taken over, and one that saved a checkpoint is not blamed',
    async () => {
      const neighbour = await steady();
      const culprit = await submit('throws_aside');
      const line = await worker.app.line('An exception that nobody caught ends the process', LIMIT_MS);
      expect(JSON.parse(line)).toMatchObject({ level: 'fatal', err: { message: 'nobody can catch this' } });
      expect(await worker.app.exited).toMatchObject({ signal: null });
      await worker.kill();
      await startWorker();
      await rm(gate);
      expect(await success(culprit)).toMatchObject({ result: 'the second time', attempts: { lost: 1 } });
      expect(await success(neighbour)).toMatchObject({ result: { attempt: 2 }, attempts: { begun: 2 } });
    },
    LIMIT_MS,
  );
});
