import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LANES, NO_TASK, decide } from '@millrace/domain';
import { settlePause } from '@millrace/log';
import { aSubmission, waitUntil } from '@millrace/testing';
import { QUEUE, openWorkerBench } from './worker-bench.specification.js';
import type { WorkerBench } from './worker-bench.specification.js';

let bench: WorkerBench;
beforeAll(async () => {
  bench = await openWorkerBench();
});
afterAll(() => bench.stop());

const OTHER = 'trailers';

/** A task of the other queue, of which the worker has heard after all before. */
async function runThroughOther(): Promise<void> {
  const ref = { queue: OTHER, task_id: crypto.randomUUID() };
  const event = decide(aSubmission(), NO_TASK, { now: Date.now(), random: 0 });
  if (event) await bench.log.append(ref, 0, event, { actor: 'api:test' });
  await waitUntil(async () => (await bench.log.read.task(ref)).phase === 'succeeded');
}

/** As the gateway does it. */
async function set(verb: 'paused' | 'resumed'): Promise<void> {
  const { queues } = bench.log.buckets;
  const entry = await queues.get(QUEUE);
  if (!entry) throw new Error('The queue is not defined.');
  const by = { at: new Date().toISOString(), actor: 'api:test' };
  const { paused: _, ...rest } = entry.value;
  const record = { ...rest, announce: { verb, ...by } };
  await queues.update(QUEUE, verb === 'paused' ? { ...record, paused: by } : record, entry.revision);
  await settlePause(bench.log, QUEUE);
}

const startOf = async (id: string): Promise<number> =>
  (await bench.factsOf(id)).find(({ kind }) => kind === 'started')?.sequence ?? NaN;

describe('a worker of a paused queue', () => {
  it('starts nothing, ends what runs, and goes on as soon as it is resumed', async () => {
    let end = (): void => undefined;
    await bench.startWorker(({ params }) => params === 'long' && new Promise<void>((go) => (end = go)), {
      queues: [QUEUE, OTHER],
    });
    const running = await bench.submit({}, 'long');
    await bench.untilIn(running, 'running');
    await set('paused');
    const waiting = await bench.submit();
    end();
    await bench.untilIn(running, 'succeeded');
    await runThroughOther();
    expect(await bench.kindsOf(waiting)).toEqual(['p5']);
    const resumedAt = performance.now();
    await set('resumed');
    await bench.untilIn(waiting, 'succeeded');
    // A parked pull asks again after 30 s only.
    expect(performance.now() - resumedAt).toBeLessThan(5_000);
  });

  it('goes on also after a crash of the broker', async () => {
    await set('paused');
    const waiting = await bench.submit();
    await bench.nats.kill();
    await bench.nats.restart();
    await waitUntil(() => bench.log.connected);
    await set('resumed');
    await bench.untilIn(waiting, 'succeeded');
  });

  it('has no pull there until all of its lanes are back, and then begins with the most urgent', async () => {
    await set('paused');
    const urgent = await bench.submit({ priority: 9 });
    await runThroughOther();
    for (const lane of LANES) await bench.log.admin.setPaused(QUEUE, lane, false);
    // It would wake a pull in its lane; the urgent one wakes none.
    const other = await bench.submit({ priority: 1 });
    await runThroughOther();
    expect(await bench.kindsOf(other)).toEqual(['p1']);
    await set('resumed');
    await Promise.all([urgent, other].map((id) => bench.untilIn(id, 'succeeded')));
    const [first, second] = await Promise.all([urgent, other].map(startOf));
    expect(first).toBeLessThan(second ?? 0);
  });
});
