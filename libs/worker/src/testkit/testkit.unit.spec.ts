import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { TaskRefusal } from '@millrace/domain';
import { z } from 'zod';
import { RetryLater, SignalTimeoutError, TaskSuspendedError, UnrecoverableError } from '../errors.js';
import { TaskHandler } from '../handlers/task-handler.decorator.js';
import type { TaskContext } from '../task-context.js';
import { testHandler } from './index.js';

const Order = z.object({ pages: z.int().min(1), copies: z.int().default(1) });

const printed: string[] = [];

/** Prints what somebody has approved, and charges for it. */
const print = async ({
  params,
  step,
  checkpoint,
  resumedFrom,
  sleep,
  waitForSignal,
  progress,
}: PrintContext) => {
  const first = (resumedFrom as { next: number } | undefined)?.next ?? 1;
  const price = await step('price', () => params.pages * params.copies);
  const { by } = await waitForSignal<{ by: string }>('approve', { key: 'approval' });
  for (let page = first; page <= params.pages; page++) {
    printed.push(`page ${page}`);
    progress({ current: page, total: params.pages });
    await checkpoint({ next: page + 1 });
  }
  await sleep(3600, { key: 'dry' });
  const receipt = await step('charge', () => printed.push('charge') && `${price} by ${by}`);
  return { receipt };
};
type PrintContext = TaskContext<z.output<typeof Order>>;

const setup = (retry = {}) => {
  printed.length = 0;
  return testHandler({ name: 'print', params: Order, retry }, print);
};

describe('a run in the test kit', () => {
  it('goes from wait to wait as the test lets it', async () => {
    const run = setup().submit({ pages: 2 });
    expect([run.status, run.kinds, printed]).toEqual(['PENDING', ['p5'], []]);
    await run.until('held');
    run.signal('approve', { by: 'Ada' });
    await run.until('scheduled');
    expect(printed).toEqual(['page 1', 'page 2']);
    await run.advance({ minutes: 59 });
    expect(run.phase).toBe('scheduled');
    await run.advance({ minutes: 1 });
    expect(run.status).toBe('SUCCESS');
    expect(run.result).toEqual({ receipt: '2 by Ada' });
    expect(run.kinds).toEqual([
      'p5',
      ...['started', 'step', 'held', 'p5'],
      ...['started', 'step', 'progress', 'checkpoint', 'checkpoint', 'step', 'scheduled'],
      ...['started', 'step', 'succeeded'],
    ]);
    expect(run.steps).toEqual(['price', 'approval', 'dry', 'charge']);
    expect(run.progress).toEqual([
      { current: 1, total: 2 },
      { current: 2, total: 2 },
    ]);
    expect(printed).toEqual(['page 1', 'page 2', 'charge']);
  });

  it('refuses parameters that the schema refuses', () => {
    expect(() => setup().submit({ pages: 0 })).toThrow(UnrecoverableError);
  });

  it('says where it came to rest when it is not where the test wants it', async () => {
    const run = setup().submit({ pages: 1 });
    await expect(run.until('succeeded')).rejects.toThrow('It waits for signal:approve.');
    run.signal('approve', { by: 'Ada' });
    await expect(run.until('succeeded')).rejects.toThrow(/waits until .* \(sleep\); advance\(\)/);
  });

  it('is as refused as the real one', async () => {
    const run = setup().submit({ pages: 1 });
    expect(() => run.resume()).toThrow(TaskRefusal);
    run.pause();
    expect(run.status).toBe('PAUSED');
    run.resume();
    run.cancel('not needed');
    await run.until('ended');
    expect(run.status).toBe('REVOKED');
    expect(printed).toEqual([]);
  });
});

describe('a worker that is lost in the test kit', () => {
  it('after the record of a step leaves the step done', async () => {
    const run = setup().submit({ pages: 1 });
    run.crashAfter('step', 'price');
    run.crashAfter('checkpoint');
    run.crashAfter('step', 'charge');
    run.signal('approve', { by: 'Ada' });
    await run.settled();
    await run.advance({ hours: 1 });
    expect(run.result).toEqual({ receipt: '1 by Ada' });
    expect(printed).toEqual(['page 1', 'charge']);
    expect(run.attempts.map(({ end }) => end)).toEqual(['lost', 'lost', 'scheduled', 'lost', 'succeeded']);
    expect(new Set(run.attempts.map(({ worker }) => worker)).size).toBe(4);
  });

  it('between the end of a step and its record lets the step run twice', async () => {
    const run = setup().submit({ pages: 1 });
    run.crashBefore('step', 'charge');
    run.signal('approve', { by: 'Ada' });
    await run.settled();
    await run.advance({ hours: 1 });
    expect(run.status).toBe('SUCCESS');
    expect(printed).toEqual(['page 1', 'charge', 'charge']);
    expect(run.steps.filter((name) => name === 'charge')).toHaveLength(1);
  });

  it('before a checkpoint lets the work since the last one run twice', async () => {
    const run = setup().submit({ pages: 2 });
    run.signal('approve', { by: 'Ada' });
    run.when(
      () => printed.length === 2,
      () => run.crashBefore('checkpoint'),
    );
    await run.until('scheduled');
    expect(printed).toEqual(['page 1', 'page 2', 'page 2']);
  });

  it('three times in a row, with nothing done in between, takes the task out', async () => {
    const run = testHandler({ name: 'poison' }, () => 1).submit({});
    for (let loss = 1; loss <= 3; loss++) run.crashAfter('started');
    await run.until('failed');
    expect(run.error?.name).toBe('WorkerLost');
  });

  it('while it works says no more, whatever its handler still does', async () => {
    const kit = testHandler({ name: 'twice' }, async ({ attempt, step }) => {
      if (attempt === 1) await setTimeout(20);
      return step('only', () => attempt);
    });
    const run = kit.submit({});
    await run.until('running');
    run.crash();
    await run.until('succeeded');
    await setTimeout(40);
    expect(run.result).toBe(2);
    expect(run.kinds).toEqual(['p5', 'started', 'started', 'step', 'succeeded']);
    expect(() => run.crash()).toThrow('No attempt runs');
  });
});

describe('time in the test kit', () => {
  it('brings retries when the policy says so, by class of error', async () => {
    const kit = testHandler(
      {
        name: 'fetch',
        retry: { max_retries: 2, delay_seconds: 60, by_error: { TypeError: { delay_seconds: 5 } } },
      },
      ({ attempt }) => {
        if (attempt === 1) throw new TypeError('no answer');
        if (attempt === 2) throw new RetryLater(900);
        throw new Error('broken');
      },
    );
    const run = kit.submit({});
    await run.until('scheduled');
    expect([run.status, run.error?.name]).toEqual(['RETRY', 'TypeError']);
    await run.advance({ seconds: 5 });
    expect(run.attempts).toHaveLength(2);
    await run.advance({ seconds: 899 });
    expect(run.attempts).toHaveLength(2);
    await run.advance({ days: 1 });
    expect(run.status).toBe('FAILURE');
    // Two retries after failures; what asked for a later time itself was none.
    expect(run.attempts.map(({ error }) => error?.name)).toEqual([
      'TypeError',
      'RetryLater',
      'Error',
      'Error',
    ]);
    run.retry();
    await run.settled();
    expect(run.status).toBe('RETRY');
    expect(run.attempts).toHaveLength(5);
  });

  it('ends waits for signals that do not come', async () => {
    const kit = testHandler({ name: 'ask' }, async ({ waitForSignal }) =>
      waitForSignal('answer', { timeoutSeconds: 60 }).catch((error: unknown) => {
        if (error instanceof TaskSuspendedError) throw error;
        return error instanceof SignalTimeoutError ? 'nobody' : 'odd';
      }),
    );
    const run = kit.submit({});
    await run.settled();
    await run.advance({ seconds: 60 });
    expect(run.result).toBe('nobody');
  });

  it('passes by itself for what is slept in place', async () => {
    const run = testHandler({ name: 'nap' }, async ({ sleep, attempt }) => {
      await sleep(0.5);
      return attempt;
    }).submit({});
    const before = run.now.getTime();
    await run.until('succeeded');
    expect(run.result).toBe(1);
    expect(run.now.getTime() - before).toBe(500);
  });

  it('brings an attempt that runs to its limits', async () => {
    const kit = testHandler({ name: 'slow', softTimeLimit: 10, timeLimit: 20 }, ({ signal }) => {
      const aborted = new Promise<unknown>((done) =>
        signal.addEventListener('abort', () => done(signal.reason)),
      );
      return aborted.then((reason) => (reason as Error).name);
    });
    const run = kit.submit({});
    await run.until('running');
    await run.advance({ seconds: 9 });
    expect(run.phase).toBe('running');
    await run.advance({ seconds: 1 });
    expect(run.result).toBe('SoftTimeLimitExceeded');

    const deaf = testHandler({ name: 'deaf', timeLimit: 20 }, () => new Promise(() => undefined)).submit({});
    await deaf.until('running');
    await deaf.advance({ seconds: 20 });
    expect([deaf.status, deaf.error?.name]).toEqual(['RETRY', 'TimeLimitExceeded']);
  });
});

describe('a handler that is told to stop in the test kit', () => {
  const patient = () =>
    testHandler({ name: 'wait' }, async ({ signal, checkpoint, resumedFrom }) => {
      if (resumedFrom !== undefined) return resumedFrom;
      const reason = await new Promise<Error>((stop) =>
        signal.addEventListener('abort', () => stop(signal.reason as Error)),
      );
      await checkpoint({ told: reason.name });
      throw reason;
    }).submit({});

  it('is put aside when it was paused, and goes on when it is resumed', async () => {
    const run = patient();
    await run.until('running');
    run.pause('lunch');
    await run.until('paused');
    run.resume();
    await run.until('succeeded');
    expect(run.result).toEqual({ told: 'TaskPausedError' });
  });

  it('goes on with another worker when its own stops', async () => {
    const run = patient();
    await run.until('running');
    run.stopWorker();
    await run.until('succeeded');
    expect(run.result).toEqual({ told: 'WorkerStoppingError' });
    expect(run.attempts.map(({ worker, end }) => [worker, end])).toEqual([
      ['worker-1', 'yielded'],
      ['worker-2', 'succeeded'],
    ]);
  });

  it('is put aside all the same when it does not listen', async () => {
    const run = testHandler({ name: 'deaf' }, () => new Promise(() => undefined)).submit({});
    await run.until('running');
    run.pause('lunch', { seconds: 5 });
    await run.advance({ seconds: 5 });
    expect(run.status).toBe('PAUSED');
  });

  it('is no longer heard when it was cancelled', async () => {
    const run = patient();
    await run.until('running');
    run.cancel();
    await run.until('cancelled');
    await run.handlerEnded();
    expect(run.kinds).toEqual(['p5', 'started', 'cancelled']);
  });
});

describe('a marked method in the test kit', () => {
  class Greeter {
    constructor(private readonly word: string) {}

    @TaskHandler({ name: 'greet', queue: 'doors', params: z.object({ who: z.string() }) })
    greet({ params, log, queue, fencingToken }: TaskContext<{ who: string }>) {
      log.info({ queue, fencingToken }, 'Greeted');
      return `${this.word} ${params.who}`;
    }

    unmarked(): void {
      return undefined;
    }
  }

  it('runs on its instance', async () => {
    const run = testHandler(new Greeter('Hello'), 'greet').submit({ who: 'Ada' }, { correlation_id: 'c-1' });
    await run.until('succeeded');
    expect(run.result).toBe('Hello Ada');
    expect(run.events[0]?.data).toMatchObject({ task: { correlation_id: 'c-1' } });
    expect(run.logs).toEqual([
      expect.objectContaining({
        level: 'info',
        message: 'Greeted',
        fields: { queue: 'doors', fencingToken: 2 },
      }),
    ]);
    expect(() => testHandler(new Greeter('Hello'), 'unmarked')).toThrow('does not mark Greeter.unmarked');
  });

  it('is given parameters of any length, and only JSON', async () => {
    const kit = testHandler({ name: 'count' }, ({ params }) => (params as { text: string }).text.length);
    const run = kit.submit({ text: 'x'.repeat(100_000), none: undefined });
    await run.until('ended');
    expect(run.result).toBe(100_000);
    expect(run.events[0]?.data).toMatchObject({ parameters: { text: expect.any(String) } });
  });
});
