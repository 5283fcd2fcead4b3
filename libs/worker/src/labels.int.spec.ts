import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '@millrace/runtime';
import { waitUntil } from '@millrace/testing';
import { createHandler } from './handlers/handler.js';
import { TaskWorker } from './task-worker.js';
import { QUEUE, openWorkerBench } from './worker-bench.specification.js';
import type { WorkerBench } from './worker-bench.specification.js';

const handler = { requires: { gpu: true, zone: 'eu' } };

describe('a handler that requires labels', () => {
  let bench: WorkerBench;

  beforeAll(async () => {
    bench = await openWorkerBench();
  });

  afterEach(() => bench.stopWorkers());

  afterAll(() => bench.stop());

  it('runs on a worker that has them, and on no other', async () => {
    const poor = await bench.startWorker(() => 'poor', {
      handler,
      labels: { gpu: 'true' },
      unhandledRetryMs: 300,
    });
    const id = await bench.submit();
    await waitUntil(async () => (await bench.log.admin.backlog(QUEUE)).unacknowledged === 1);
    expect(await bench.kindsOf(id)).toEqual(['p5']);
    const { value } = await waitUntil(() => bench.log.buckets.workers.get(poor.id));
    expect(value).toMatchObject({
      handlers: [],
      unsuited_handlers: [{ task_name: 'render', requires: { gpu: 'true', zone: 'eu' } }],
      labels: { gpu: 'true' },
    });
    await bench.startWorker(() => 'rich', { handler, labels: { gpu: 'true', zone: 'eu', os: 'linux' } });
    expect(await bench.untilIn(id, 'succeeded')).toMatchObject({ result: 'rich' });
  });

  it('tells what it requires to everybody who asks what can be run', async () => {
    await bench.startWorker(() => 1, { handler, softTimeLimit: 30, timeLimit: 60 });
    expect((await bench.log.buckets.handlers.get('render'))?.value).toEqual({
      name: 'render',
      queue: QUEUE,
      requires: { gpu: 'true', zone: 'eu' },
      soft_time_limit: 30,
      time_limit: 60,
    });
  });

  it('does not make a worker serve its queue that may not run it', async () => {
    const transcode = createHandler({ name: 'transcode', queue: 'gpus', ...handler }, () =>
      Promise.resolve(),
    );
    const worker = new TaskWorker(new Map([['transcode', transcode]]), {
      natsUrl: bench.nats.url,
      logger: createLogger({ app: 'worker', level: 'silent', format: 'json' }),
    });
    await expect(worker.start()).rejects.toThrow('There is nothing to serve');
  });
});
