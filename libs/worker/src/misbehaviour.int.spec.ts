import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Fact, TaskSpec } from '@millrace/domain';
import { waitUntil } from '@millrace/testing';
import type { TaskContext } from './task-context.js';
import { openWorkerBench } from './worker-bench.specification.js';
import type { WorkerBench } from './worker-bench.specification.js';

type Handler = (context: TaskContext) => unknown;
type Failed = Fact & { kind: 'failed' };

let bench: WorkerBench;
const deaf = new AbortController();

beforeAll(async () => {
  bench = await openWorkerBench();
});
afterEach(() => bench.stopWorkers());
afterAll(async () => {
  deaf.abort();
  await bench.stop();
});

const ONCE = { max_retries: 0, delay_seconds: 0, backoff_factor: 1, max_delay_seconds: 0, jitter: false };

/**
 * Runs a handler that misbehaves in a worker that runs another task meanwhile, with the same heartbeat and connection; that one must end
 * as if nothing had been.
 */
async function besideANeighbour(
  misbehave: Handler,
  spec: Partial<TaskSpec> = {},
  ended: 'failed' | 'succeeded' = 'failed',
): Promise<{ id: string; facts: Fact[] }> {
  let letGo: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  await bench.startWorker(async (context) => {
    if (!context.tags.includes('neighbour')) return misbehave(context);
    await context.step('before', () => 1);
    await gate;
    await context.step('after', () => 2);
    return 'fine';
  });
  const neighbour = await bench.submit({ tags: ['neighbour'] });
  await waitUntil(async () => (await bench.kindsOf(neighbour)).includes('step'));
  const id = await bench.submit({ retry: ONCE, ...spec });
  await bench.untilIn(id, ended);
  letGo();
  expect(await bench.untilIn(neighbour, 'succeeded')).toMatchObject({ result: 'fine' });
  expect(await bench.kindsOf(neighbour)).toEqual(['p5', 'started', 'step', 'step', 'succeeded']);
  return { id, facts: await bench.factsOf(id) };
}

async function failureOf(misbehave: Handler, spec?: Partial<TaskSpec>): Promise<Failed['data']> {
  const { facts } = await besideANeighbour(misbehave, spec);
  const last = facts.at(-1);
  if (last?.kind !== 'failed') throw new Error('It has not failed.');
  return last.data;
}

describe('a handler that misbehaves ends its own task only:', () => {
  it('one that ignores its signal past its hard limit is fenced off, and what it still writes is refused', async () => {
    const refusals: unknown[] = [];
    const { id, facts } = await besideANeighbour(
      async ({ checkpoint, step, progress }) => {
        for (let round = 1; !deaf.signal.aborted; round++) {
          await sleep(20);
          progress({ current: round });
          await checkpoint({ round }).catch((error: unknown) => refusals.push(error));
          await step(`round-${round}`, () => round).catch((error: unknown) => refusals.push(error));
        }
      },
      { soft_time_limit: 0.2, time_limit: 0.6 },
    );
    expect(facts.at(-1)?.data).toMatchObject({ error: { name: 'TimeLimitExceeded' } });
    await waitUntil(() => refusals.length > 4);
    expect(await bench.kindsOf(id)).toEqual(facts.map(({ kind }) => kind));
  });

  it.each<[string, unknown, string]>([
    ['a text', 'no disk', 'A handler threw no disk.'],
    ['nothing', undefined, 'A handler threw undefined.'],
    ['null', null, 'A handler threw null.'],
    ['an object', { code: 7 }, 'A handler threw {"code":7}.'],
    ['a function', () => 1, 'A handler threw function.'],
    ['an error without a message', Object.assign(new Error(), { message: undefined }), 'undefined'],
    [
      'an error with another kind of message',
      Object.assign(new Error(), { message: { code: 7 } }),
      '{"code":7}',
    ],
    ['an error that cannot be read', unreadable(new Error()), 'A handler threw what cannot be read.'],
    ['an object that cannot be read', unreadable({}), 'A handler threw what cannot be read.'],
  ])('one that throws %s fails', async (_what, thrown, message) => {
    const { error } = await failureOf(() => {
      throw thrown;
    });
    expect(error.message).toBe(message);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['a big integer', () => ({ size: 10n }), /no JSON/],
    ['a circle', circle, /no JSON.*circular/s],
    ['a function', () => () => 1, /no JSON: a handler returned a function/],
    ['what cannot be read', () => ({ toJSON: () => JSON.parse('{') as unknown }), /no JSON/],
    ['10 MB', () => 'x'.repeat(10_000_000), /10000002 bytes as JSON; at most 524288 are kept/],
  ])('one that returns %s fails for good', async (_what, result, told) => {
    const { error, reason } = await failureOf(result, { retry: { ...ONCE, max_retries: 3 } });
    expect(error.message).toMatch(told);
    expect(reason).toBe('not_retryable');
  });

  it('one that tells of its progress 100,000 times costs little more than one that tells once', async () => {
    const message = 'x'.repeat(100_000);
    const { facts } = await besideANeighbour(
      ({ progress }) => {
        const begun = performance.now();
        for (let current = 1; current <= 100_000; current++) progress({ current, message });
        return performance.now() - begun;
      },
      {},
      'succeeded',
    );
    expect(facts.map(({ kind }) => kind)).toEqual(['p5', 'started', 'progress', 'succeeded']);
    expect((facts.at(-1) as Fact & { kind: 'succeeded' }).data.result).toBeLessThan(2_000);
  });

  it('one that forgets to await a step succeeds without it', async () => {
    const late: string[] = [];
    const { id, facts } = await besideANeighbour(
      ({ step }) => {
        void step('forgotten', async () => {
          await sleep(100);
          return late.push('done');
        });
        void step('failing', () => Promise.reject(new Error('nobody hears this')));
        return 'early';
      },
      {},
      'succeeded',
    );
    await waitUntil(() => late.length === 1);
    expect(facts.at(-1)).toMatchObject({ kind: 'succeeded', data: { result: 'early' } });
    expect(await bench.kindsOf(id)).toEqual(['p5', 'started', 'succeeded']);
  });
});

function circle(): unknown {
  const one: { self?: unknown } = {};
  one.self = one;
  return one;
}

function unreadable(thrown: object): object {
  return Object.defineProperty(thrown, 'message', {
    get: () => {
      throw new Error('gone');
    },
  });
}
