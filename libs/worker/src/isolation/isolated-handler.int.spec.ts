import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ExistingTask, Json, TaskSpec } from '@millrace/domain';
import { QUEUE, openWorkerBench } from '../worker-bench.specification.js';
import type { WorkerBench } from '../worker-bench.specification.js';
import type { WorkerOptions } from '../worker-options.js';

let bench: WorkerBench;

beforeAll(async () => {
  bench = await openWorkerBench();
});
afterEach(() => bench.stopWorkers());
afterAll(() => bench.stop());

const handlerProgram = { file: fileURLToPath(new URL('./testing/render.entry.js', import.meta.url)) };
const inTheWorker = (): never => {
  throw new Error('It ran in the worker itself.');
};
const startWorker = (options: Partial<WorkerOptions> = {}, isolation: 'inline' | 'process' = 'process') =>
  bench.startWorker(inTheWorker, { handler: { isolation }, handlerProgram, concurrency: 2, ...options });
const submit = (mode: string, spec: Partial<TaskSpec> = {}): Promise<string> => bench.submit(spec, { mode });
const once: Partial<TaskSpec> = {
  retry: { max_retries: 0, delay_seconds: 0, backoff_factor: 1, max_delay_seconds: 0, jitter: false },
};

const resultOf = async (id: string): Promise<Json> => {
  const state = await bench.untilIn(id, 'succeeded');
  return state.phase === 'succeeded' ? state.result : null;
};
const failureOf = async (id: string): Promise<ExistingTask & { phase: 'failed' }> => {
  const state = await bench.untilIn(id, 'failed');
  if (state.phase !== 'failed') throw new Error('not failed');
  return state;
};

describe('an isolated handler', () => {
  it('runs in a process of its own, with the context it would have inline', async () => {
    await startWorker();
    const id = await submit('echo', { tags: ['a'] });
    const result = (await resultOf(id)) as { pid: number };
    expect(result).toMatchObject({ params: { mode: 'echo' }, attempt: 1, taskId: id, tags: ['a'] });
    expect(result.pid).not.toBe(process.pid);
  });

  it('records steps and checkpoints, and goes on from them', async () => {
    await startWorker();
    const id = await submit('steps');
    expect(await resultOf(id)).toMatchObject({ inner: 7, resumedFrom: { from: 1 } });
    const kinds = await bench.kindsOf(id);
    expect(kinds.filter((kind) => kind === 'step')).toHaveLength(3);
    expect(kinds.filter((kind) => kind === 'checkpoint')).toHaveLength(2);
    expect(await resultOf(await submit('nested'))).toBe(2);
  });

  it('sleeps and waits for signals without a process', async () => {
    await startWorker();
    const id = await submit('waits');
    await bench.untilIn(id, 'held');
    await bench.log.signal({ queue: QUEUE, task_id: id }, { name: 'go', payload: 1 }, { actor: 'api:test' });
    expect(await resultOf(id)).toBe(1);
  });

  it('is killed at its hard time limit, though it never yields, and disturbs nobody', async () => {
    await startWorker();
    const id = await submit('spin', { ...once, soft_time_limit: 0.5, time_limit: 1 });
    const neighbours = await Promise.all(Array.from({ length: 5 }, () => submit('echo')));
    const failed = await failureOf(id);
    expect(failed.error.name).toBe('TimeLimitExceeded');
    const { at } = (await bench.factsOf(id)).find(({ kind }) => kind === 'started')!;
    expect(Date.parse(failed.finished_at) - Date.parse(at)).toBeLessThan(3_000);
    await Promise.all(neighbours.map(resultOf));
  });

  it.each([
    ['exit', 'HandlerProcessDied', 'exit code 3'],
    ['allocate', 'MemoryLimitExceeded', 'MiB'],
    ['throwText', 'Error', 'no error at all'],
    ['cycle', 'UnrecoverableError', 'JSON'],
    ['long', 'UnrecoverableError', 'at most'],
  ])('that does its worst (%s) fails alone, as %s', async (mode, name, told) => {
    await startWorker({ maxMemoryPerChildBytes: 256 * 1024 * 1024 });
    const id = await submit(mode, once);
    const neighbour = await submit('echo');
    const { error } = await failureOf(id);
    expect(error.name).toBe(name);
    expect(error.message).toContain(told);
    await resultOf(neighbour);
  });

  it.each(['obedient', 'deaf', 'spin'])(
    'that is cancelled (%s) is gone, and its slot free, soon',
    async (mode) => {
      await startWorker({ concurrency: 1 });
      const id = await submit(mode);
      await bench.untilIn(id, 'running');
      await bench.log.change({ queue: QUEUE, task_id: id }, { type: 'cancel' }, { actor: 'api:test' });
      const next = await submit('echo');
      await resultOf(next);
      expect(await bench.kindsOf(id)).toEqual(['p5', 'started', 'cancelled']);
    },
  );

  it('may chatter: its reports do not hold it up', async () => {
    await startWorker();
    expect(await resultOf(await submit('chatter'))).toBe('done');
  });
});

describe('a task that was lost twice in a row', () => {
  it('runs alone in a process, though its handler is inline, and is over when it takes that along', async () => {
    const id = await submit('exit');
    const ref = { queue: QUEUE, task_id: id };
    // Two workers that died of it, as far as the log can tell.
    const ready = (await bench.factsOf(id))[0]!;
    const claim = { type: 'claim', worker: 'dead-1', ticket: ready.sequence } as const;
    const first = (await bench.log.change(ref, claim, { actor: 'worker:dead-1' })).fact!;
    const next = {
      type: 'take-over',
      worker: 'dead-2',
      ticket: ready.sequence,
      seen: first.sequence,
    } as const;
    await bench.log.change(ref, next, { actor: 'worker:dead-2' });
    await startWorker({}, 'inline');
    const failed = await failureOf(id);
    expect(failed).toMatchObject({ reason: 'worker_lost', attempts: { begun: 3, failed: 0, lost: 3 } });
    expect(failed.error).toMatchObject({ name: 'HandlerProcessDied' });
    expect(failed.error.message).toContain('exit code 3');
  });
});
