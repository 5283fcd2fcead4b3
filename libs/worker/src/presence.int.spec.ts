import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import type { WorkerRecord } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import { QUEUE, openWorkerBench } from './worker-bench.specification.js';
import type { WorkerBench } from './worker-bench.specification.js';

describe('a worker', () => {
  let bench: WorkerBench;

  beforeAll(async () => {
    bench = await openWorkerBench();
  });

  afterEach(() => bench.stopWorkers());

  afterAll(() => bench.stop());

  const recordOf = async (id: string): Promise<WorkerRecord | undefined> =>
    (await bench.log.buckets.workers.get(id))?.value;

  /** As of the next sign of life. */
  const seen = (id: string, holds: (record: WorkerRecord) => boolean): Promise<WorkerRecord> =>
    waitUntil(
      async () => {
        const record = await recordOf(id);
        return record && holds(record) && record;
      },
      { every: 50 },
    );

  it('shows who it is and what it can, from its start on', async () => {
    const worker = await bench.startWorker(() => 1, { name: 'mill', labels: { zone: 'eu' }, prefetch: 2 });
    expect(worker.id).toMatch(/^mill-/);
    const record = await seen(worker.id, () => true);
    expect(record).toMatchObject({
      worker_id: worker.id,
      pid: process.pid,
      status: 'active',
      queues: [QUEUE],
      handlers: ['render'],
      unsuited_handlers: [],
      labels: { zone: 'eu' },
      slots: 4,
      prefetch: 2,
      running: [],
      running_count: 0,
      done: 0,
      failed: 0,
    });
    expect(record.memory_bytes).toBeGreaterThan(10_000_000);
  });

  it('shows what it runs, and counts what became of the rest', async () => {
    const retry = { ...DEFAULT_RETRY_POLICY, max_retries: 1, delay_seconds: 0.01, jitter: false };
    const worker = await bench.startWorker(({ tags, signal }) => {
      if (tags.includes('long')) return once(signal, 'abort');
      if (tags.includes('bad')) throw new Error('no disk');
      return 'done';
    });
    await bench.submit();
    await bench.submit({ tags: ['bad'], retry });
    const long = await bench.submit({ tags: ['long'] });
    const record = await seen(worker.id, ({ running_count, failed }) => running_count > 0 && failed === 2);
    expect(record).toMatchObject({
      done: 1,
      running_count: 1,
      running: [{ task_id: long, task_name: 'render', queue: QUEUE, attempt: 1 }],
    });
  });

  it('is shown as draining while it stops, and then no more', async () => {
    const worker = await bench.startWorker(({ signal }) => once(signal, 'abort'), { drainSeconds: 60 });
    const id = await bench.submit();
    await bench.untilIn(id, 'running');
    await seen(worker.id, ({ status }) => status === 'active');
    const stopped = worker.stop();
    await seen(worker.id, ({ status }) => status === 'draining');
    await bench.log.change({ queue: QUEUE, task_id: id }, { type: 'cancel' }, { actor: 'api:test' });
    await stopped;
    expect(await recordOf(worker.id)).toBeUndefined();
  });

  it('is shown again as soon as a broker without memory is back', async () => {
    const worker = await bench.startWorker(() => 1);
    await seen(worker.id, () => true);
    await bench.nats.kill();
    await bench.nats.restart();
    await seen(worker.id, () => true);
  });

  it('stops in time while the broker is away', async () => {
    const worker = await bench.startWorker(() => 1);
    await seen(worker.id, () => true);
    await bench.nats.kill();
    const since = performance.now();
    await worker.stop();
    expect(performance.now() - since).toBeLessThan(5_000);
    await bench.nats.restart();
  });
});
