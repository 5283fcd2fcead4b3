import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import { waitUntil } from '@millrace/testing';
import { QUEUE, openWorkerBench } from './worker-bench.specification.js';
import type { WorkerBench } from './worker-bench.specification.js';

describe('a worker that is to say when its queues are empty', () => {
  let bench: WorkerBench;

  // One each: what is left in a queue is left for the next worker.
  beforeEach(async () => {
    bench = await openWorkerBench();
  });

  afterEach(() => bench.stop());

  /** Resolves when it says so. */
  const untilEmpty = (run: () => unknown): Promise<void> =>
    new Promise((onQueuesEmpty, fail) => {
      bench.startWorker(run, { onQueuesEmpty }).catch(fail);
    });

  const phaseOf = async (task_id: string): Promise<string> =>
    (await bench.log.read.task({ queue: QUEUE, task_id })).phase;

  it('says so after the last task has ended', async () => {
    const ids = await Promise.all(Array.from({ length: 50 }, () => bench.submit()));
    let runs = 0;
    await untilEmpty(() => ++runs);
    expect(runs).toBe(50);
    for (const id of ids) expect(await phaseOf(id)).toBe('succeeded');
  });

  it('does not wait for tasks that wait for a time', async () => {
    const id = await bench.submit({ retry: { ...DEFAULT_RETRY_POLICY, delay_seconds: 3600 } });
    await untilEmpty(() => {
      throw new Error('no disk');
    });
    expect(await phaseOf(id)).toBe('scheduled');
  });

  it('does not wait for tasks that it cannot run', async () => {
    await bench.submit({ name: 'transcode' });
    const id = await bench.submit();
    await untilEmpty(() => 'done');
    expect(await phaseOf(id)).toBe('succeeded');
  });

  it('waits for a task that another worker runs', async () => {
    let finish: (value: unknown) => void = () => undefined;
    const finished = new Promise((resolve) => (finish = resolve));
    await bench.startWorker(() => finished);
    const id = await bench.submit();
    await bench.untilIn(id, 'running');
    let isEmpty = false;
    await bench.startWorker(() => 'never', { onQueuesEmpty: () => (isEmpty = true) });
    // Three looks.
    await new Promise((go) => setTimeout(go, 1_600));
    expect(isEmpty).toBe(false);
    finish('done');
    await waitUntil(() => isEmpty);
  });
});
