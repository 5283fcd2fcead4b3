import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { decide, evolve } from '@millrace/domain';
import type { Command, Fact, RunningTask } from '@millrace/domain';
import { waitUntil } from '@millrace/testing';
import { SignalTimeoutError } from '../errors.js';
import type { TaskContext } from '../task-context.js';
import { QUEUE, openWorkerBench } from '../worker-bench.specification.js';
import type { WorkerBench } from '../worker-bench.specification.js';
import { testHandler } from './index.js';

const retry = { max_retries: 3, delay_seconds: 0.05, backoff_factor: 1, max_delay_seconds: 1, jitter: false };

let bench: WorkerBench;

beforeAll(async () => {
  bench = await openWorkerBench();
});
afterEach(() => bench.stopWorkers());
afterAll(() => bench.stop());

/** What both must agree on: all but times, ids, places and the names of workers. */
const gistOf = (facts: readonly Fact[]): unknown[] =>
  facts.map((fact) => {
    const { kind, data } = fact;
    if (kind === 'step') {
      const { name, type, order, result, run, before, signal_name } = data;
      return { kind, name, type, order, result, attempt: run.attempt, before: before?.length, signal_name };
    }
    if (kind === 'checkpoint') return { kind, state: data.state, steps: Object.keys(data.steps) };
    if (kind === 'started') {
      const { attempt, failed, lost, checkpoint, step } = data;
      const from = { checkpoint: checkpoint !== undefined, step: step !== undefined };
      return { kind, attempt, failed, lost, from };
    }
    if (kind === 'scheduled' || kind === 'held') {
      const { waiting_for, attempt, attempts } = data;
      const reason = 'reason' in data ? data.reason : undefined;
      const error = 'error' in data ? data.error.message : undefined;
      return { kind, waiting_for, attempt, attempts, reason, error };
    }
    return { kind, reason: 'reason' in data ? data.reason : undefined };
  });

/** A little of everything that a run can do. */
const everything = async (context: TaskContext): Promise<unknown> => {
  const { step, checkpoint, resumedFrom, sleep, waitForSignal, attempt } = context;
  if (resumedFrom === undefined) {
    const sides = await Promise.allSettled([
      step('left', () => step('inner', () => 1)),
      step('right', async () => {
        const inner = await step('inner', () => 2);
        if (attempt === 1) throw new Error('the right side broke');
        return inner;
      }),
    ]);
    for (const side of sides) if (side.status === 'rejected') throw side.reason;
    await checkpoint({ sides: sides.length });
  }
  const early = await waitForSignal('early', { key: 'early' });
  await sleep(1.2, { key: 'nap' });
  const late = await waitForSignal('late', { timeoutSeconds: 1.2, key: 'late' }).catch((error: unknown) => {
    if (error instanceof SignalTimeoutError) return 'nobody';
    throw error;
  });
  const sum = await step('sum', () => 3);
  return { early, late, sum, resumedFrom: resumedFrom ?? null };
};

describe('the test kit tells the truth', () => {
  it('about steps, checkpoints, retries, sleeps and signals', async () => {
    await bench.startWorker(everything);
    const id = await bench.submit({ retry });
    await bench.untilIn(id, 'held');
    await bench.log.signal(
      { queue: QUEUE, task_id: id },
      { name: 'early', payload: 7 },
      { actor: 'api:test' },
    );
    const end = await bench.untilIn(id, 'succeeded');

    const run = testHandler({ name: 'render', queue: QUEUE, retry }, everything).submit({});
    await run.settled();
    await run.advance({ seconds: 1 });
    await run.until('held');
    run.signal('early', 7);
    await run.settled();
    await run.advance({ seconds: 3 });

    const real = await bench.factsOf(id);
    expect(run.result).toEqual('result' in end && end.result);
    expect(run.kinds).toEqual(real.map(({ kind }) => kind));
    expect(run.steps).toEqual(real.flatMap((fact) => (fact.kind === 'step' ? [fact.data.name] : [])));
    expect(gistOf(run.events)).toEqual(gistOf(real));
  });

  it('about a worker that is lost after a step', async () => {
    const done: string[] = [];
    const charge = async ({ step }: TaskContext): Promise<unknown> => {
      const receipt = await step('charge', () => done.push('charge') && 'receipt');
      await step('mail', () => done.push('mail') && 'sent');
      return receipt;
    };
    const id = await bench.submit({ retry });
    await ghost(id, { name: 'charge', type: 'step', order: 1, result: 'receipt', duration_ms: 0 });
    await bench.startWorker(charge);
    await bench.untilIn(id, 'succeeded');
    expect(done.splice(0)).toEqual(['mail']);

    const run = testHandler({ name: 'render', queue: QUEUE, retry }, charge).submit({});
    run.crashAfter('step', 'charge');
    await run.until('succeeded');
    expect(done).toEqual(['charge', 'mail']);
    expect(gistOf(run.events)).toEqual(gistOf(await bench.factsOf(id)));
  });

  it('about a pause of a handler that saves its state', async () => {
    const patient = async ({ signal, checkpoint, resumedFrom }: TaskContext): Promise<unknown> => {
      if (resumedFrom !== undefined) return resumedFrom;
      if (!signal.aborted) await new Promise((stop) => signal.addEventListener('abort', stop));
      await checkpoint({ saved: true });
      throw signal.reason as Error;
    };
    const worker = await bench.startWorker(patient);
    const id = await bench.submit({ retry });
    const ref = { queue: QUEUE, task_id: id };
    const by = { actor: 'api:test' };
    await waitUntil(() => worker.running === 1);
    await bench.untilIn(id, 'running');
    await bench.log.ask(ref, 'pause', { reason: 'lunch', grace_seconds: 30 });
    await bench.untilIn(id, 'paused');
    await bench.log.change(ref, { type: 'resume' }, by);
    await bench.untilIn(id, 'succeeded');

    const run = testHandler({ name: 'render', queue: QUEUE, retry }, patient).submit({});
    await run.until('running');
    run.pause('lunch');
    await run.until('paused');
    run.resume();
    await run.until('succeeded');
    expect(gistOf(run.events)).toEqual(gistOf(await bench.factsOf(id)));
  });
});

/** What a worker wrote that is no more: it claimed the task, recorded a step and was lost. */
async function ghost(id: string, step: (Command & { type: 'record-step' })['step']): Promise<void> {
  const ref = { queue: QUEUE, task_id: id };
  const actor = { actor: 'worker:ghost' };
  const ready = await bench.log.read.task(ref);
  if (ready.phase !== 'ready') throw new Error('The task is not ready.');
  const write = async (command: Command, state: typeof ready | RunningTask): Promise<RunningTask> => {
    const event = decide(command, state, { now: Date.now(), random: 0 });
    if (!event) throw new Error('Nothing to write.');
    return evolve(state, await bench.log.append(ref, state.sequence, event, actor)) as RunningTask;
  };
  const running = await write({ type: 'claim', worker: 'ghost', ticket: ready.ticket }, ready);
  await write({ type: 'record-step', token: running.run.token, step }, running);
}
