import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '@millrace/testing';
import { openWorkerBench } from './worker-bench.specification.js';
import type { WorkerBench } from './worker-bench.specification.js';

let bench: WorkerBench;

beforeAll(async () => {
  bench = await openWorkerBench();
});

afterEach(() => bench.stopWorkers());
afterAll(() => bench.stop());

describe('a worker that holds tickets beyond its running ones', () => {
  it('gives them back while a long task runs, so that another worker can have them', async () => {
    let end: (() => void) | undefined;
    await bench.startWorker(() => new Promise<void>((resolve) => (end = resolve)), {
      concurrency: 1,
      prefetch: 2,
    });
    const long = await bench.submit();
    await waitUntil(() => end);
    const urgent = await bench.submit({ priority: 9 });
    await bench.startWorker(() => 'here', { concurrency: 1 });
    expect(await bench.untilIn(urgent, 'succeeded')).toMatchObject({ result: 'here' });
    end?.();
    await bench.untilIn(long, 'succeeded');
  });
});
