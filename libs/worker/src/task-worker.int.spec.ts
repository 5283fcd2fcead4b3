import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { decide, evolve, statusOf } from '@millrace/domain';
import type { ExistingTask } from '@millrace/domain';
import { waitUntil } from '@millrace/testing';
import { UnrecoverableError } from './errors.js';
import { QUEUE, QUICK_RETRY, openWorkerBench } from './worker-bench.specification.js';
import type { WorkerBench } from './worker-bench.specification.js';

/** Promise.withResolvers comes with Node 22. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}

describe('a worker', () => {
  let bench: WorkerBench;

  beforeAll(async () => {
    bench = await openWorkerBench();
  });

  afterEach(() => bench.stopWorkers());
  afterAll(() => bench.stop());

  const stateOf = async (id: string): Promise<ExistingTask> => {
    const state = await bench.log.read.task({ queue: QUEUE, task_id: id });
    if (state.phase === 'none') throw new Error(`There is no task ${id}.`);
    return state;
  };

  const unsettledTickets = async (): Promise<number> => {
    const { pending, unacknowledged } = await bench.log.admin.backlog(QUEUE);
    return pending + unacknowledged;
  };

  it('runs a task to its success and acknowledges the ticket', async () => {
    await bench.startWorker(({ params, attempt }) => ({ params, attempt }));
    const id = await bench.submit({}, { film: 'a.mov' });
    expect(await bench.untilIn(id, 'succeeded')).toMatchObject({
      result: { params: { film: 'a.mov' }, attempt: 1 },
    });
    expect(await bench.kindsOf(id)).toEqual(['p5', 'started', 'succeeded']);
    await waitUntil(async () => (await unsettledTickets()) === 0);
  });

  it('tries a failed task again after its delay, and keeps the error of each attempt', async () => {
    await bench.startWorker(({ attempt }) => {
      if (attempt < 3) throw new Error(`no disk ${attempt}`);
      return attempt;
    });
    const id = await bench.submit();
    expect(await bench.untilIn(id, 'succeeded')).toMatchObject({
      result: 3,
      attempts: { begun: 3, failed: 2, lost: 0 },
    });
    const facts = await bench.factsOf(id);
    expect(facts.flatMap((fact) => (fact.kind === 'scheduled' ? [fact.data.error?.message] : []))).toEqual([
      'no disk 1',
      'no disk 2',
    ]);
    await waitUntil(async () => (await unsettledTickets()) === 0);
  });

  it('fails a task whose retries are spent', async () => {
    await bench.startWorker(() => {
      throw new Error('always');
    });
    const id = await bench.submit({ retry: { ...QUICK_RETRY, max_retries: 1 } });
    expect(await bench.untilIn(id, 'failed')).toMatchObject({
      reason: 'retries_spent',
      attempts: { begun: 2, failed: 2 },
    });
  });

  it('fails a task at once when the error says that no retry helps', async () => {
    await bench.startWorker(() => {
      throw new UnrecoverableError('no such film');
    });
    const id = await bench.submit();
    expect(await bench.untilIn(id, 'failed')).toMatchObject({
      reason: 'not_retryable',
      error: { message: 'no such film' },
    });
  });

  it('fails a task whose parameters do not fit the schema, without calling the handler', async () => {
    let calls = 0;
    await bench.startWorker(() => ++calls, { handler: { params: z.object({ frames: z.int() }) } });
    const id = await bench.submit({}, { frames: 'many' });
    expect(await bench.untilIn(id, 'failed')).toMatchObject({ reason: 'not_retryable' });
    expect(calls).toBe(0);
  });

  it('reads parameters that are too long for the ticket', async () => {
    await bench.startWorker(({ params, attempt }) => {
      if (attempt === 1) throw new Error('once');
      return (params as { text: string }).text.length;
    });
    const id = await bench.submit({}, { text: 'x'.repeat(20_000) });
    expect(await bench.untilIn(id, 'succeeded')).toMatchObject({ result: 20_000 });
  });

  it('stops a running handler when its task is cancelled, and does not count what it returns', async () => {
    const seen: unknown[] = [];
    await bench.startWorker(async ({ signal }) => {
      await once(signal, 'abort');
      seen.push((signal.reason as Error).name);
      return 'late';
    });
    const id = await bench.submit();
    await bench.untilIn(id, 'running');
    await bench.log.change({ queue: QUEUE, task_id: id }, { type: 'cancel' }, { actor: 'api:test' });
    await waitUntil(() => seen.length === 1);
    expect(seen).toEqual(['TaskCancelledError']);
    expect(statusOf(await stateOf(id))).toBe('REVOKED');
    await waitUntil(async () => (await unsettledTickets()) === 0);
    expect(await bench.kindsOf(id)).toEqual(['p5', 'started', 'cancelled']);
  });

  it('ends a task that somebody asks to stop, when the cancel itself lost its races', async () => {
    await bench.startWorker(({ signal }) => once(signal, 'abort'));
    const id = await bench.submit();
    await bench.untilIn(id, 'running');
    await bench.log.ask({ queue: QUEUE, task_id: id }, 'stop', { at: new Date().toISOString() });
    await bench.untilIn(id, 'cancelled');
  });

  it('serves higher priorities first', async () => {
    const ids = [];
    for (const priority of [1, 5, 10, 0])
      ids.push(await bench.submit({ priority, tags: [String(priority)] }));
    const order: string[] = [];
    await bench.startWorker(({ tags }) => order.push(...tags), { concurrency: 1 });
    await Promise.all(ids.map((id) => bench.untilIn(id, 'succeeded')));
    expect(order).toEqual(['10', '5', '1', '0']);
  });

  it('hands a running task over when it stops, and nobody is charged', async () => {
    const first = await bench.startWorker(async ({ signal }) => {
      await once(signal, 'abort');
      throw signal.reason as Error;
    });
    const id = await bench.submit();
    await bench.untilIn(id, 'running');
    await first.stop();
    expect(await stateOf(id)).toMatchObject({ phase: 'ready', attempts: { begun: 1, failed: 0, lost: 0 } });
    await bench.startWorker(({ attempt }) => attempt);
    expect(await bench.untilIn(id, 'succeeded')).toMatchObject({ result: 2 });
    expect(await bench.kindsOf(id)).toEqual(['p5', 'started', 'yielded', 'started', 'succeeded']);
  });

  it('lets a handler finish within the grace of a stop', async () => {
    const worker = await bench.startWorker(() => sleep(100, 'done'), { drainSeconds: 5 });
    const id = await bench.submit();
    await bench.untilIn(id, 'running');
    await worker.stop();
    expect(await stateOf(id)).toMatchObject({ phase: 'succeeded', result: 'done' });
  });

  /** Claims like a worker of another process would, and lets the ticket lie. */
  const claimAs = async (worker: string, id: string): Promise<number> => {
    const state = await stateOf(id);
    const event = decide({ type: 'claim', worker, ticket: state.sequence }, state, {
      now: Date.now(),
      random: 0,
    });
    if (!event) throw new Error('A claim makes an event.');
    const fact = await bench.log.append({ queue: QUEUE, task_id: id }, state.sequence, event, {
      actor: `worker:${worker}`,
    });
    return evolve(state, fact).phase === 'running' ? fact.sequence : 0;
  };

  it('takes the task of a dead worker over, and counts the loss', async () => {
    const id = await bench.submit();
    await claimAs('dead', id);
    await bench.startWorker(({ attempt }) => attempt);
    expect(await bench.untilIn(id, 'succeeded')).toMatchObject({
      result: 2,
      attempts: { begun: 2, lost: 1 },
    });
  });

  it('leaves the task of a worker that answers alone', async () => {
    const id = await bench.submit();
    const token = await claimAs('alive', id);
    let asked = 0;
    bench.log.answerRuns('alive', (run) => {
      asked++;
      return run.token === token;
    });
    await bench.startWorker(({ attempt }) => attempt);
    await waitUntil(() => asked >= 2, {
      timeoutMs: 20_000,
      what: 'a second question, a lease after the first',
    });
    expect(await bench.kindsOf(id)).toEqual(['p5', 'started']);
    await bench.log.change({ queue: QUEUE, task_id: id }, { type: 'cancel' }, { actor: 'api:test' });
  });

  it('takes nothing over shortly after it has connected', async () => {
    const id = await bench.submit();
    await claimAs('dead-too', id);
    const since = performance.now();
    await bench.startWorker(({ attempt }) => attempt, { quietMs: 3_000 });
    await bench.untilIn(id, 'succeeded');
    expect(performance.now() - since).toBeGreaterThan(3_000);
  });

  it('takes a task out that loses its worker again and again', async () => {
    const id = await bench.submit();
    await claimAs('dead-1', id);
    for (const worker of ['dead-2', 'dead-3']) {
      const state = await stateOf(id);
      if (state.phase !== 'running') throw new Error('It runs.');
      const command = { type: 'take-over', worker, ticket: state.run.ticket, seen: state.sequence } as const;
      const event = decide(command, state, { now: Date.now(), random: 0 });
      if (!event) throw new Error('A take-over makes an event.');
      await bench.log.append({ queue: QUEUE, task_id: id }, state.sequence, event, {
        actor: `worker:${worker}`,
      });
    }
    await bench.startWorker(() => 'never');
    expect(await bench.untilIn(id, 'failed')).toMatchObject({
      reason: 'worker_lost',
      attempts: { begun: 3, lost: 3 },
    });
  });

  it('reports progress live and, once, through the log, however often the handler tells', async () => {
    const told = deferred<undefined>();
    await bench.startWorker(async ({ progress }) => {
      for (let percent = 0; percent <= 100; percent++) progress({ percent, step: 'reading' });
      await told.promise;
    });
    const id = await bench.submit();
    const running = await waitUntil(async () => {
      const state = await stateOf(id);
      return state.phase === 'running' && state.reported && state;
    });
    expect(statusOf(running)).toBe('PROCESSING');
    const live = await waitUntil(async () => {
      const text = await bench.log.read.liveProgress({ queue: QUEUE, task_id: id });
      return text?.includes('"percent":100') && text;
    });
    expect(JSON.parse(live)).toMatchObject({
      token: running.run.token,
      progress: { percent: 100, step: 'reading' },
    });
    told.resolve(undefined);
    await bench.untilIn(id, 'succeeded');
    expect(await bench.kindsOf(id)).toEqual(['p5', 'started', 'progress', 'succeeded']);
  });

  it('asks a handler to stop at its soft limit and ends the attempt at its hard one', async () => {
    const reasons: unknown[] = [];
    const deaf = new AbortController();
    await bench.startWorker(async ({ signal }) => {
      signal.addEventListener('abort', () => reasons.push((signal.reason as Error).name));
      await sleep(60_000, undefined, { signal: deaf.signal }).catch(() => undefined);
    });
    const id = await bench.submit({
      soft_time_limit: 0.2,
      time_limit: 0.6,
      retry: { ...QUICK_RETRY, max_retries: 0 },
    });
    expect(await bench.untilIn(id, 'failed')).toMatchObject({ error: { name: 'TimeLimitExceeded' } });
    expect(reasons).toEqual(['SoftTimeLimitExceeded']);
    deaf.abort();
  });

  it('keeps a result that was finished while the broker was away, and appends it on return', async () => {
    const gate = deferred<string>();
    let calls = 0;
    await bench.startWorker(() => {
      calls++;
      return gate.promise;
    });
    const id = await bench.submit();
    await bench.untilIn(id, 'running');
    await bench.nats.kill();
    gate.resolve('kept');
    // Longer than the lease: the ticket is redelivered, and must not lead to a second run.
    await sleep(1_500);
    await bench.nats.restart();
    expect(await bench.untilIn(id, 'succeeded')).toMatchObject({ result: 'kept', attempts: { begun: 1 } });
    expect(calls).toBe(1);
  });

  it('offers a task it has no handler for again, so that another worker can run it', async () => {
    await bench.startWorker(() => 'render', { unhandledRetryMs: 300 });
    const id = await bench.submit({ name: 'transcode' });
    await waitUntil(async () => (await unsettledTickets()) === 1);
    expect(await bench.kindsOf(id)).toEqual(['p5']);
    await bench.startWorker(() => 'transcode', { handler: { name: 'transcode' } });
    expect(await bench.untilIn(id, 'succeeded')).toMatchObject({ result: 'transcode' });
  });
});
