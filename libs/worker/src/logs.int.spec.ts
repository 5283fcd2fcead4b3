import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { LINE_BYTES } from '@millrace/log';
import type { LogLine } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import { LINES_PER_SECOND } from './logs.js';
import type { TaskContext } from './task-context.js';
import { QUEUE, openWorkerBench } from './worker-bench.specification.js';
import type { WorkerBench } from './worker-bench.specification.js';

describe('what a handler logs', () => {
  let output: string[];
  let bench: WorkerBench;

  beforeAll(async () => {
    bench = await openWorkerBench();
  });

  afterEach(() => bench.stopWorkers());

  afterAll(() => bench.stop());

  const startWorker = (run: (context: TaskContext) => unknown) => {
    output = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        output.push(String(chunk));
        done();
      },
    });
    return bench.startWorker(run, { logger: pino(stream) });
  };

  const linesOf = (task_id: string): Promise<(LogLine & { sequence: number })[]> =>
    bench.log.read.logLines({ queue: QUEUE, task_id }, 0, 1_000);

  const linesOnceThere = (id: string, last: string): Promise<(LogLine & { sequence: number })[]> =>
    waitUntil(async () => {
      const lines = await linesOf(id);
      return lines.at(-1)?.message === last && lines;
    });

  it('is kept beside its task in order, with its level and its fields, and logged as ever', async () => {
    const worker = await startWorker(({ log: logger }) => {
      logger.info({ film: 'a.mov', pid: 'mine' }, 'one');
      logger.debug('not at this level');
      logger.warn(new Error('no disk'));
      logger.child({ part: 2 }).error('three');
      logger.info('last');
    });
    const id = await bench.submit({ correlation_id: 'c-1' });
    const lines = await linesOnceThere(id, 'last');
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['info', 'one'],
      ['warn', 'no disk'],
      ['error', 'three'],
      ['info', 'last'],
    ]);
    expect(lines[0]).toMatchObject({ attempt: 1, worker: worker.id, fields: { film: 'a.mov', pid: 'mine' } });
    expect(lines[1]!.fields).toMatchObject({ err: { type: 'Error', message: 'no disk' } });
    expect(lines[2]!.fields).toEqual({ part: 2 });
    expect(lines[3]!.fields).toEqual({});
    const own = output.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(own.filter(({ msg }) => msg === 'three')).toMatchObject([
      { task_id: id, task_name: 'render', attempt: 1, correlation_id: 'c-1', part: 2 },
    ]);
  });

  it('is cut where a line is too long', async () => {
    await startWorker(({ log: logger }) => logger.info({ text: 'x'.repeat(100_000) }, 'long'));
    const id = await bench.submit();
    const [line] = await linesOnceThere(id, 'long');
    expect(String(line!.fields.cut)).toMatch(/^{"text":"x{7000,}$/);
    const stored = await bench.log.read.messageAt(line!.sequence, 'LOGS');
    expect(Buffer.byteLength(stored!.payload)).toBeLessThanOrEqual(LINE_BYTES);
  });

  it('is bounded: what is too much for a second is dropped, and a line says how much', async () => {
    await startWorker(({ log: logger }) => {
      for (let i = 0; i < LINES_PER_SECOND + 100; i++) logger.info({ i }, 'again');
    });
    const id = await bench.submit();
    const dropped = '100 lines were dropped: this worker keeps 500 a second.';
    const lines = await linesOnceThere(id, dropped);
    expect(lines).toHaveLength(LINES_PER_SECOND + 1);
    expect(lines.at(-1)).toMatchObject({ level: 'warn', fields: { dropped: 100 } });
    expect(output.filter((line) => line.includes('"again"'))).toHaveLength(LINES_PER_SECOND + 100);
  });

  it('does not hold the handler up while the broker is away', async () => {
    let took = Infinity;
    let go: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (go = resolve));
    await startWorker(async ({ log: logger }) => {
      await gone;
      const since = performance.now();
      for (let i = 0; i < 100; i++) logger.info('into the void');
      took = performance.now() - since;
    });
    const id = await bench.submit();
    await bench.untilIn(id, 'running');
    await bench.nats.kill();
    go();
    await waitUntil(() => took < Infinity);
    expect(took).toBeLessThan(500);
    await bench.nats.restart();
    await bench.untilIn(id, 'succeeded');
  });

  it('is nothing for a handler that logs nothing', async () => {
    await startWorker(() => 'quiet');
    const id = await bench.submit();
    await bench.untilIn(id, 'succeeded');
    expect(await linesOf(id)).toEqual([]);
  });

  it('leaves the worker to say how each attempt ended', async () => {
    const cancelled: string[] = [];
    await startWorker(async ({ tags, signal, attempt }) => {
      if (tags.includes('bad')) throw new TypeError(`no disk ${attempt}`);
      if (tags.includes('long')) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      cancelled.push(...tags);
    });
    const retry = {
      max_retries: 1,
      delay_seconds: 0.01,
      backoff_factor: 1,
      max_delay_seconds: 1,
      jitter: false,
    };
    const good = await bench.submit();
    const bad = await bench.submit({ tags: ['bad'], retry });
    const long = await bench.submit({ tags: ['long'], correlation_id: 'c-2' });
    await bench.untilIn(long, 'running');
    await bench.log.change({ queue: QUEUE, task_id: long }, { type: 'cancel' }, { actor: 'api:test' });
    const linesAbout = (id: string) =>
      output
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ task_id }) => task_id === id);
    await waitUntil(() => linesAbout(bad).length === 4 && linesAbout(long).length === 2);
    expect(linesAbout(good)).toMatchObject([
      { msg: 'Task started', level: 30, task_name: 'render', attempt: 1 },
      { msg: 'Task completed', level: 30, duration: expect.any(Number), state: 'SUCCESS' },
    ]);
    expect(linesAbout(bad)).toMatchObject([
      { msg: 'Task started', attempt: 1 },
      { msg: 'Task retry scheduled', level: 40, reason: 'no disk 1', attempt: 1 },
      { msg: 'Task started', attempt: 2 },
      { msg: 'Task failed', level: 50, exception: 'TypeError' },
    ]);
    expect(linesAbout(long)).toMatchObject([
      { msg: 'Task started', correlation_id: 'c-2' },
      { msg: 'Task revoked', level: 40, terminated: true, correlation_id: 'c-2' },
    ]);
  });
});
