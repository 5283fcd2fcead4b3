import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Fact } from '@millrace/domain';
import { subjects } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Answer } from './system/api-client.js';
import type { CountChunks } from './system/long-run-handlers.js';
import { LONG_RUN_HANDLERS } from './system/places.js';
import { System } from './system/system.js';
import { TcpGate } from './system/tcp-gate.js';
import type { WorkerProcess } from './system/worker-process.js';

const QUEUE = 'long';
const LONG: CountChunks = { chunks: 600, ms: 50 };

let system: System;
let worker: WorkerProcess;

beforeAll(async () => {
  system = await System.start({ worker: { handlers: LONG_RUN_HANDLERS } });
  [worker] = system.workers as [WorkerProcess];
}, 120_000);

afterAll(() => system.stop());

interface Done {
  success: boolean;
  message: string;
  detail?: string;
  sequence: number;
}

const submit = async (task_name: string, parameters: unknown, more = {}): Promise<string> =>
  (await system.api.submit({ task_name, parameters, ...more })).body.task_id;

const post = <Body = Done>(taskId: string, verb: string, body?: object): Promise<Answer<Body>> =>
  system.api.call<Body>('POST', `/api/v1/tasks/${taskId}/${verb}`, body);

const last = (taskId: string): Promise<Fact | undefined> =>
  system.log.read.lastFact({ queue: QUEUE, task_id: taskId });

const resultOf = async (taskId: string): Promise<unknown> =>
  (await system.api.result(taskId, 60)).body.result;

async function untilItRuns(taskId: string): Promise<void> {
  await waitUntil(async () => (await last(taskId))?.kind === 'progress', { timeoutMs: 30_000 });
}

async function running(parameters: CountChunks): Promise<string> {
  const taskId = await submit('count_chunks', parameters);
  await untilItRuns(taskId);
  return taskId;
}

/** The answer is true: the fact is there, whatever happens to the processes now. */
async function expectPaused(taskId: string, answer: Answer<Done>): Promise<void> {
  expect(answer).toMatchObject({ status: 200, body: { success: true, task_id: taskId } });
  expect(await last(taskId)).toMatchObject({ kind: 'paused', sequence: answer.body.sequence });
}

describe('a pause', () => {
  it('of a delayed task keeps its time: a resume waits on', async () => {
    const taskId = await submit('count_chunks', { chunks: 0, ms: 1 }, { delay_seconds: 2 });
    const wait = await last(taskId);
    await expectPaused(taskId, await post(taskId, 'pause'));
    expect((await post(taskId, 'resume')).status).toBe(200);
    expect(await last(taskId)).toMatchObject({
      kind: 'scheduled',
      data: { until: (wait?.data as { until: string }).until, reason: 'delay' },
    });
    expect(await resultOf(taskId)).toMatchObject({ attempt: 1 });
  });

  it('lets a run save a checkpoint in its grace, from which a resume goes on', async () => {
    const taskId = await running({ ...LONG, chunks: 40 });
    const answer = await post(taskId, 'pause', { reason: 'disk swap' });
    await expectPaused(taskId, answer);
    expect(answer.body.message).toBe('Task paused successfully');
    const paused = await last(taskId);
    expect(paused).toMatchObject({ data: { reason: 'disk swap', attempt: 1 } });
    expect(paused?.actor).toMatch(/^worker:/);
    const checkpoint = await system.log.read.factAt(paused!.prev);
    if (checkpoint?.kind !== 'checkpoint') throw new Error(checkpoint?.kind);
    const { next } = checkpoint.data.state as { next: number };
    expect((await post(taskId, 'resume')).status).toBe(200);
    expect(await resultOf(taskId)).toEqual({ from: next, to: 40, attempt: 2 });
  });

  it('ends a run that ignores its signal when the grace is over', async () => {
    const taskId = await running({ ...LONG, deaf: true });
    const began = performance.now();
    await expectPaused(taskId, await post(taskId, 'pause', { grace_seconds: 1 }));
    expect(performance.now() - began).toBeGreaterThan(900);
    expect((await last(taskId))?.actor).toMatch(/^worker:/);
    expect((await post(taskId, 'pause')).body.message).toBe('Task was already paused');
  });

  it('takes the task from a worker that is frozen, which may write nothing more', async () => {
    const taskId = await running(LONG);
    worker.freeze();
    const answer = await post(taskId, 'pause', { grace_seconds: 0.5 });
    await expectPaused(taskId, answer);
    expect(answer.body.message).toContain('by force');
    expect((await last(taskId))?.actor).toMatch(/^api:/);
    worker.thaw();
    // It hears of the pause, tries to record it, and is refused.
    await worker.slot.app.line('Attempt overtaken', 20_000);
    expect((await last(taskId))?.sequence).toBe(answer.body.sequence);
    await system.api.cancel(taskId);
  });

  it('reaches a worker that is cut off when it is back, or is taken by force', async () => {
    const gate = await TcpGate.before(system.nats.url);
    const afar = await system.startWorker({ natsUrl: gate.url });
    await worker.stop();
    const taskId = await running(LONG);
    gate.cut();
    const pausing = post(taskId, 'pause', { grace_seconds: 1 });
    await expectPaused(taskId, await pausing);
    gate.mend();
    await afar.slot.app.line('Attempt overtaken', 20_000);
    expect((await last(taskId))?.kind).toBe('paused');
    await afar.kill();
    await gate.close();
    worker = await system.startWorker();
    expect((await post(taskId, 'resume')).status).toBe(200);
    await untilItRuns(taskId);
    await system.api.cancel(taskId);
  });

  it('of a task whose worker is dead is taken by force, and stays', async () => {
    const taskId = await running(LONG);
    await worker.kill();
    const answer = await post(taskId, 'pause', { grace_seconds: 0.2 });
    await expectPaused(taskId, answer);
    // Its ticket comes back after the lease, and is void.
    worker = await system.startWorker();
    const other = await submit('count_chunks', { chunks: 80, ms: 50 });
    expect(await resultOf(other)).toMatchObject({ to: 80 });
    expect((await last(taskId))?.sequence).toBe(answer.body.sequence);
    await system.api.cancel(taskId);
  }, 60_000);

  it('and a cancel at once come to one of the two', async () => {
    const taskIds = await Promise.all(Array.from({ length: 10 }, () => running(LONG)));
    for (const taskId of taskIds) {
      const [paused, cancelled] = await Promise.all([
        post(taskId, 'pause', { grace_seconds: 1 }),
        system.api.cancel(taskId),
      ]);
      // Whatever comes first, a cancel ends a paused task, too.
      expect(cancelled.status).toBe(200);
      expect([200, 400]).toContain(paused.status);
      if (paused.status === 400) expect(paused.body.detail).toMatch(/REVOKED/);
      expect((await last(taskId))?.kind).toBe('cancelled');
    }
  });

  it('of a run that ends in its grace is refused, and says how it ended', async () => {
    const taskId = await running({ chunks: 20, ms: 50, deaf: true });
    const { status, body } = await post(taskId, 'pause', { grace_seconds: 30 });
    expect(status).toBe(400);
    expect(body.detail).toContain('SUCCESS');
  });
});

describe('a restart of everything', () => {
  it('changes nothing for a paused run, which goes on from its checkpoint, nor for one that sleeps', async () => {
    const paused = await running({ ...LONG, chunks: 40 });
    await expectPaused(paused, await post(paused, 'pause'));
    const asleep = await submit('sleep_soundly', { seconds: 5 });
    await waitUntil(async () => (await last(asleep))?.kind === 'scheduled');
    const { until } = (await last(asleep))!.data as { until: string };
    await system.restartEverything();
    worker = await system.startWorker();
    const ready = Date.now();
    expect((await post(paused, 'resume')).status).toBe(200);
    const result = (await resultOf(paused)) as { from: number };
    expect(result).toMatchObject({ to: 40, attempt: 2 });
    expect(result.from).toBeGreaterThan(0);
    expect(await resultOf(asleep)).toMatchObject({ attempt: 2 });
    const woke = (await system.log.read.lastOn(subjects.fact({ queue: QUEUE, task_id: asleep }, 'started')))!;
    const lateMs = woke.storedAtMs - Math.max(Date.parse(until), ready);
    expect(woke.storedAtMs).toBeGreaterThanOrEqual(Date.parse(until));
    expect(lateMs).toBeLessThan(3_000);
  }, 120_000);
});

describe('a run that reports nothing', () => {
  it.each(['cancelled', 'paused'])(
    'is stopped within two seconds of the reconnect when it was %s meanwhile',
    async (what) => {
      const gate = await TcpGate.before(system.nats.url);
      const afar = await system.startWorker({ natsUrl: gate.url });
      await worker.stop();
      const taskId = await running(LONG);
      gate.cut();
      if (what === 'cancelled') expect((await system.api.cancel(taskId)).status).toBe(200);
      else await expectPaused(taskId, await post(taskId, 'pause', { grace_seconds: 0 }));
      const reconnect = gate.arrival();
      gate.mend();
      await reconnect;
      const back = performance.now();
      await afar.slot.app.line(what === 'cancelled' ? 'Task revoked' : 'Attempt overtaken', 20_000);
      expect(performance.now() - back).toBeLessThan(2_000);
      await afar.kill();
      await gate.close();
      worker = await system.startWorker();
    },
    60_000,
  );
});

describe('a signal', () => {
  it('lets a run go on that waits for it', async () => {
    const taskId = await submit('ask_for_approval', {});
    await waitUntil(async () => (await last(taskId))?.kind === 'held');
    const sent = await post<{ sequence: number }>(taskId, 'signals', {
      name: 'approved',
      payload: { by: 'Ada' },
    });
    expect(sent).toMatchObject({ status: 202, body: { task_id: taskId, name: 'approved' } });
    expect(await resultOf(taskId)).toEqual({ approved: { by: 'Ada' }, attempt: 2 });
  });

  it('is not lost while nobody waits', async () => {
    const taskId = await submit('ask_for_approval', {}, { delay_seconds: 1 });
    expect((await post(taskId, 'signals', { name: 'approved', payload: 'early' })).status).toBe(202);
    await post(taskId, 'pause');
    await post(taskId, 'resume');
    expect(await resultOf(taskId)).toEqual({ approved: 'early', attempt: 1 });
  });
});

describe('a branch', () => {
  interface Branched {
    task_id: string;
    branched_from: { task_id: string; sequence: number };
  }
  interface Diff {
    parameters_changed: string[];
    steps: { name: string; left: object | null; right: { task_id: string } | null; same: boolean }[];
    result: { same: boolean };
  }

  it('goes on from the last step, or from the checkpoint that is named', async () => {
    const taskId = await submit('probe_and_encode', { codec: 'av1' });
    const result = { probed: { frames: 24, by: taskId }, encoded: 'av1 of 24 frames' };
    expect(await resultOf(taskId)).toEqual(result);
    const copy = await post<Branched>(taskId, 'branch', { parameters: { codec: 'h264' } });
    expect(copy.status).toBe(202);
    // Nothing was left to do.
    expect(await resultOf(copy.body.task_id)).toEqual(result);
    const events = (await system.api.events(taskId)).body.items;
    const { sequence } = events.find(({ kind }) => kind === 'checkpoint')!;
    const { body } = await post<Branched>(taskId, 'branch', {
      from_sequence: sequence,
      parameters: { codec: 'h264' },
    });
    expect(body.branched_from).toEqual({ task_id: taskId, sequence });
    expect(await resultOf(body.task_id)).toEqual({ ...result, encoded: 'h264 of 24 frames' });

    const diff = await system.api.call<Diff>('GET', `/api/v1/tasks/${taskId}/diff?with=${body.task_id}`);
    expect(diff.body).toMatchObject({ parameters_changed: ['codec'], result: { same: false } });
    expect(diff.body.steps.map(({ name, same }) => [name, same])).toEqual([
      ['probe', true],
      ['checkpoint', true],
      ['encode', false],
    ]);
    // Its first step was done by the origin.
    expect(diff.body.steps[0]!.right!.task_id).toBe(taskId);
  });
});
