import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Json } from '@millrace/domain';
import { waitUntil } from '@millrace/testing';
import { SignalTimeoutError, TaskSuspendedError, UnrecoverableError } from './errors.js';
import type { TaskContext } from './task-context.js';
import { QUEUE, openWorkerBench } from './worker-bench.specification.js';
import type { WorkerBench } from './worker-bench.specification.js';

let bench: WorkerBench;

beforeAll(async () => {
  bench = await openWorkerBench();
});
afterEach(() => bench.stopWorkers());
afterAll(() => bench.stop());

const resultOf = async (id: string): Promise<Json> => {
  const state = await bench.untilIn(id, 'succeeded');
  return state.phase === 'succeeded' ? state.result : null;
};
const errorOf = async (id: string): Promise<string> => {
  const state = await bench.untilIn(id, 'failed');
  return state.phase === 'failed' ? `${state.error.name}: ${state.error.message}` : '';
};
const signal = (id: string, name: string, payload: Json = null): Promise<number> =>
  bench.log.signal({ queue: QUEUE, task_id: id }, { name, payload }, { actor: 'api:test' });

describe('the temporary folder of a task', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'millrace-temp-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('is kept for its next attempt, and goes when it succeeds', async () => {
    await bench.startWorker(
      async ({ tempDir, attempt }) => {
        const part = join(await tempDir(), 'part');
        if (attempt === 1) {
          await writeFile(part, 'half');
          throw new Error('no disk');
        }
        return readFile(part, 'utf8');
      },
      { tempDir: root },
    );
    expect(await resultOf(await bench.submit())).toBe('half');
    await waitUntil(async () => (await readdir(root)).length === 0, { what: 'the folder to go' });
  });

  it('stays when the task fails', async () => {
    await bench.startWorker(
      async ({ tempDir }) => {
        await writeFile(join(await tempDir(), 'part'), 'half');
        throw new UnrecoverableError('no disk');
      },
      { tempDir: root },
    );
    const id = await bench.submit();
    expect(await errorOf(id)).toBe('UnrecoverableError: no disk');
    expect(await readFile(join(root, id, 'part'), 'utf8')).toBe('half');
  });
});

describe('a step', () => {
  it('runs once, and gives later attempts its recorded result', async () => {
    const runs: string[] = [];
    await bench.startWorker(async ({ step, attempt }) => {
      const size = await step('probe', () => runs.push('probe') && { bytes: 7 });
      const frames = await step('count', () => Promise.resolve(runs.push('count') && 3));
      if (attempt === 1) throw new Error('no disk');
      return { size, frames };
    });
    const id = await bench.submit();
    expect(await resultOf(id)).toEqual({ size: { bytes: 7 }, frames: 3 });
    expect(runs).toEqual(['probe', 'count']);
    expect(await bench.kindsOf(id)).toEqual([
      'p5',
      'started',
      'step',
      'step',
      'scheduled',
      'started',
      'succeeded',
    ]);
  });

  it('that throws is not recorded: it runs again, in this attempt or the next', async () => {
    let tries = 0;
    await bench.startWorker(async ({ step, attempt }) => {
      const probe = (): number => {
        if (++tries < 4) throw new Error(`try ${tries}`);
        return tries;
      };
      if (attempt === 1) await step('probe', probe).catch(() => undefined);
      return step('probe', probe);
    });
    const id = await bench.submit();
    expect(await resultOf(id)).toBe(4);
  });

  it('runs beside others and within others', async () => {
    const runs: string[] = [];
    const handler = async ({ step, attempt }: TaskContext): Promise<unknown> => {
      const run = (name: string, value: number) => step(name, () => runs.push(name) && value);
      const sides = await Promise.allSettled([
        step('left', async () => (await run('inner', 1)) + (await run('other', 2))),
        step('right', async () => {
          const inner = await run('inner', 10);
          if (attempt === 1) throw new Error('right');
          return inner;
        }),
      ]);
      return sides.map((side) => {
        if (side.status === 'rejected') throw side.reason;
        return side.value;
      });
    };
    await bench.startWorker(handler);
    const id = await bench.submit();
    expect(await resultOf(id)).toEqual([3, 10]);
    expect(runs.sort()).toEqual(['inner', 'inner', 'other']);
    const names = (await bench.factsOf(id)).flatMap((fact) => (fact.kind === 'step' ? [fact.data.name] : []));
    expect(names.sort()).toEqual(['left', 'left/inner', 'left/other', 'right', 'right/inner']);
  });

  it.each([
    ['another name', ['probe', 'mux'], ['probe', 'merge'], '"merge" as step 2'],
    ['another order', ['probe', 'mux'], ['mux', 'probe'], '"mux" as step 1'],
    ['a step in between', ['probe', 'mux'], ['probe', 'new', 'mux'], '"new" as step 2'],
  ])('that has %s in a later attempt ends the run, and says so', async (_what, before, after, told) => {
    const runs: string[] = [];
    await bench.startWorker(async ({ step, attempt }) => {
      for (const name of attempt === 1 ? before : after) await step(name, () => runs.push(name));
      throw new Error('again');
    });
    const id = await bench.submit();
    expect(await errorOf(id)).toContain(told);
    expect(runs).toEqual(before);
  });

  it('needs a name of its own', async () => {
    await bench.startWorker(async ({ step }) => {
      await step('probe', () => 1);
      await step('probe', () => 2);
    });
    expect(await errorOf(await bench.submit())).toContain('"probe" was begun twice');
  });

  it('returns what JSON makes of its result, also the first time', async () => {
    await bench.startWorker(async ({ step }) => typeof (await step('now', () => new Date(0))));
    expect(await resultOf(await bench.submit())).toBe('string');
  });
});

describe('a checkpoint', () => {
  it('is where the next attempt goes on, with the steps before it and after it', async () => {
    const chunks: number[] = [];
    const runs: string[] = [];
    await bench.startWorker(async ({ resumedFrom, checkpoint, step, attempt }) => {
      const size = await step('probe', () => runs.push('probe') && 4);
      let next = (resumedFrom as { next: number } | undefined)?.next ?? 0;
      for (; next < size; next++) {
        chunks.push(next);
        if (next === 3 && attempt === 1) throw new Error('no disk');
        if (next % 2 === 0) await checkpoint({ next: next + 1 });
      }
      return step('sum', () => runs.push('sum') && chunks.length);
    });
    const id = await bench.submit();
    // The chunk 3 is done again: it lies after the last checkpoint.
    expect(await resultOf(id)).toBe(5);
    expect(chunks).toEqual([0, 1, 2, 3, 3]);
    expect(runs).toEqual(['probe', 'sum']);
  });

  it('that forgets its steps lets their names be used again', async () => {
    await bench.startWorker(async ({ step, checkpoint }) => {
      const seen: number[] = [];
      for (let round = 1; round <= 3; round++) {
        seen.push(await step('chunk', () => round));
        await checkpoint({ round }, { forgetSteps: true });
      }
      return seen;
    });
    const id = await bench.submit();
    expect(await resultOf(id)).toEqual([1, 2, 3]);
    const saved = (await bench.factsOf(id)).filter(({ kind }) => kind === 'checkpoint');
    expect(saved.map(({ data }) => (data as { steps: object }).steps)).toEqual([{}, {}, {}]);
  });

  it('is refused within a step, and beside one that runs', async () => {
    await bench.startWorker(({ step, checkpoint }) => step('outer', () => checkpoint(1)));
    expect(await errorOf(await bench.submit())).toContain('within the step "outer"');
    await bench.stopWorkers();
    await bench.startWorker(({ step, checkpoint, signal: stop }) =>
      Promise.all([
        step('outer', () => new Promise((_, no) => stop.addEventListener('abort', no))),
        checkpoint(1),
      ]),
    );
    expect(await errorOf(await bench.submit())).toContain('while the step "outer" runs');
  });

  it('of more than 512 KiB fails the task with a sentence', async () => {
    await bench.startWorker(({ checkpoint }) => checkpoint('x'.repeat(600_000)));
    expect(await errorOf(await bench.submit())).toMatch(/512 KiB|524288/);
  });

  it('is taken over by a redrive, unless that starts from the start', async () => {
    await bench.startWorker(
      async ({ resumedFrom, checkpoint, attempt }) => {
        await checkpoint({ attempt });
        if (attempt < 3) throw new TypeError('no disk');
        return resumedFrom ?? null;
      },
      { handler: { retryIf: () => false } },
    );
    const id = await bench.submit();
    const ref = { queue: QUEUE, task_id: id };
    await bench.untilIn(id, 'failed');
    await bench.log.change(ref, { type: 'retry' }, { actor: 'api:test' });
    await waitUntil(async () => (await bench.untilIn(id, 'failed')).attempts.begun === 2);
    await bench.log.change(ref, { type: 'retry', from_start: true }, { actor: 'api:test' });
    expect(await resultOf(id)).toBeNull();
    const started = (await bench.factsOf(id)).filter(({ kind }) => kind === 'started');
    expect(started.map(({ data }) => 'checkpoint' in data)).toEqual([false, true, false]);
  });
});

describe('a sleep', () => {
  it('frees the slot, survives a restart of the worker, and ends in time', async () => {
    const handler = async ({ sleep, step, attempt }: TaskContext): Promise<unknown> => {
      const from = await step('from', () => Date.now());
      await sleep(2);
      return { slept: Date.now() - from, attempt };
    };
    await bench.startWorker(handler, { concurrency: 1 });
    const id = await bench.submit();
    const asleep = await bench.untilIn(id, 'scheduled');
    expect(asleep).toMatchObject({ reason: 'sleep', attempts: { begun: 1, failed: 0 } });
    await bench.stopWorkers();
    await bench.startWorker(handler, { concurrency: 1 });
    const { slept, attempt } = (await resultOf(id)) as { slept: number; attempt: number };
    expect(slept).toBeGreaterThanOrEqual(2000);
    expect(attempt).toBe(2);
  });

  it('of less than a second keeps its attempt', async () => {
    await bench.startWorker(async ({ sleep, attempt }) => {
      await sleep(0.05);
      return attempt;
    });
    expect(await resultOf(await bench.submit())).toBe(1);
  });

  it('lets the steps beside it end first', async () => {
    const runs: string[] = [];
    await bench.startWorker(async ({ sleep, step }) => {
      const slow = step('slow', async () => {
        await new Promise((go) => setTimeout(go, 200));
        return runs.push('slow');
      });
      await Promise.all([slow, sleep(1.2)]);
      return slow;
    });
    expect(await resultOf(await bench.submit())).toBe(1);
    expect(runs).toEqual(['slow']);
  });
});

describe('a wait for a signal', () => {
  it('ends with the payload of a signal that came before, while, or after it was waited for', async () => {
    await bench.startWorker(async ({ waitForSignal }) => [
      await waitForSignal('go'),
      await waitForSignal('go'),
      await waitForSignal('stop'),
    ]);
    const id = await bench.submit();
    await bench.untilIn(id, 'held');
    await signal(id, 'stop', 'early');
    expect(await bench.untilIn(id, 'held')).toMatchObject({ waiting_for: 'signal:go' });
    await signal(id, 'go', { by: 'Ada' });
    await signal(id, 'go', { by: 'Bob' });
    expect(await resultOf(id)).toEqual([{ by: 'Ada' }, { by: 'Bob' }, 'early']);
  });

  it('gives up after its time, and stays with that', async () => {
    const caught: unknown[] = [];
    await bench.startWorker(async ({ waitForSignal, step, attempt }) => {
      const answer = await waitForSignal('go', { timeoutSeconds: 1.2 }).catch((error: unknown) => {
        if (error instanceof TaskSuspendedError) throw error;
        caught.push(error);
        return 'nobody';
      });
      await step('after', () => 1);
      if (attempt === 2) throw new Error('again');
      return answer;
    });
    const id = await bench.submit();
    await waitUntil(() => caught.length > 0, { timeoutMs: 10_000 });
    await signal(id, 'go', 'late');
    expect(await resultOf(id)).toBe('nobody');
    expect(caught.every((error) => error instanceof SignalTimeoutError)).toBe(true);
  });

  it('behind a checkpoint takes the next signal, not one that was taken', async () => {
    await bench.startWorker(async ({ waitForSignal, checkpoint, resumedFrom }) => {
      const seen = (resumedFrom ?? []) as Json[];
      while (seen.length < 3) {
        seen.push(await waitForSignal('next'));
        await checkpoint(seen);
      }
      return seen;
    });
    const id = await bench.submit();
    for (const number of [1, 2, 3]) await signal(id, 'next', number);
    expect(await resultOf(id)).toEqual([1, 2, 3]);
  });
});
