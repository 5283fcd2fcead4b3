import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Fact } from '@millrace/domain';
import { waitUntil } from '@millrace/testing';
import type { TestApp } from '@millrace/testing';
import type { BenchSystem } from './bench-system.js';
import { fillHistory } from './history.js';
import { median, submissionEvent } from './load.js';
import type { Figure, Measurement } from './measurements.js';
import { RECORDING_QUEUES, STEPS, clock } from './resume-handlers.js';

const HANDLERS = fileURLToPath(new URL('./resume-handlers.js', import.meta.url));
const SAMPLES = 5;
const FACTS_PER_TASK = 3;
const LEASE_SECONDS = 3;
/** Nothing is taken over within this time of a connect. */
const QUIET_SECONDS = 1;
const LIMIT_MS = 120_000;

const figure = (name: string, unit: string, value: number): Figure => ({ name, unit, value });

/** From the claim to the handler's first line, with so many facts of other tasks behind its checkpoint. */
export const resume =
  (foreign: number): Measurement =>
  async (system) => {
    const ids = await submitAll(system, 'resume', RECORDING_QUEUES.resume, SAMPLES);
    const half = Math.round(foreign / 2 / FACTS_PER_TASK);
    await once(system, ids, 'checkpoint');
    await fillHistory(system, half);
    await once(system, ids, 'step', STEPS.afterCheckpoint);
    await fillHistory(system, half);
    const worker = await startWorker(system, RECORDING_QUEUES.resume, 1);
    const took: { first: number; replayed: number }[] = [];
    for (const id of ids) {
      const facts = await factsWhen(system, RECORDING_QUEUES.resume, id, (kinds) =>
        kinds.includes('succeeded'),
      );
      const claimed = Date.parse(facts.findLast(({ kind }) => kind === 'started')?.at ?? '');
      const end = facts.at(-1);
      if (end?.kind !== 'succeeded') throw new Error(`The task ${id} has not succeeded.`);
      const { started, replayed } = end.data.result as { started: number; replayed: number };
      took.push({ first: started - claimed, replayed: replayed - started });
    }
    await worker.kill();
    const firsts = took.map(({ first }) => first);
    return [
      figure(`resume, ${STEPS.afterCheckpoint} steps, claim→first line`, 'ms', median(firsts)),
      figure(`resume, the slowest of ${SAMPLES}`, 'ms', Math.max(...firsts)),
      figure('resume, replay of the steps', 'ms', median(took.map(({ replayed }) => replayed))),
    ];
  };

/** What a step costs that returns 100 bytes, one after the other. */
export const steps: Measurement = async (system) => {
  const worker = await startWorker(system, RECORDING_QUEUES.steps, 1);
  const [id] = await submitAll(system, 'steps', RECORDING_QUEUES.steps, 1);
  const state = await waitUntil(
    async () => {
      const now = await system.log.read.task({ queue: RECORDING_QUEUES.steps, task_id: id ?? '' });
      return now.phase === 'succeeded' && now;
    },
    { timeoutMs: LIMIT_MS, every: 50, what: 'the end of all steps' },
  );
  await worker.kill();
  const [p50 = NaN, p95 = NaN] = state.result as number[];
  return [figure('step p50', 'ms', p50), figure('step p95', 'ms', p95)];
};

/** From the end of a worker to the first line of the next attempt: killed, and told to stop. */
export const takeOver: Measurement = async (system) => {
  const killed: number[] = [];
  const drained: number[] = [];
  let holder = await startWorker(system, RECORDING_QUEUES.hold, 1);
  for (let sample = 1; sample <= SAMPLES * 2; sample++) {
    const [id = ''] = await submitAll(system, 'hold', RECORDING_QUEUES.hold, 1);
    await firstLine(system, id, 1);
    const successor = await startWorker(system, RECORDING_QUEUES.hold, 1);
    await sleep(QUIET_SECONDS * 1000);
    const begun = clock();
    const isKill = sample % 2 === 1;
    const gone = holder.kill(isKill ? 'SIGKILL' : 'SIGTERM');
    (isKill ? killed : drained).push((await firstLine(system, id, 2)) - begun);
    await gone;
    await system.log.change(
      { queue: RECORDING_QUEUES.hold, task_id: id },
      { type: 'cancel' },
      { actor: 'bench' },
    );
    holder = successor;
  }
  await holder.kill();
  return [
    figure(`kill -9→next first line (lease ${LEASE_SECONDS} s)`, 's', median(killed) / 1000),
    figure('kill -9→next first line, the slowest', 's', Math.max(...killed) / 1000),
    figure('SIGTERM→next first line', 's', median(drained) / 1000),
    figure('SIGTERM→next first line, the slowest', 's', Math.max(...drained) / 1000),
  ];
};

/** Lets the tasks run until each has so many facts of a kind, then drains their worker. */
async function once(system: BenchSystem, ids: string[], wanted: Fact['kind'], times = 1): Promise<void> {
  const worker = await startWorker(system, RECORDING_QUEUES.resume, ids.length);
  for (const id of ids)
    await factsWhen(
      system,
      RECORDING_QUEUES.resume,
      id,
      (kinds) => kinds.filter((kind) => kind === wanted).length >= times,
    );
  await worker.kill();
}

/** When the attempt's handler had its first line. */
async function firstLine(system: BenchSystem, id: string, attempt: number): Promise<number> {
  const state = await waitUntil(
    async () => {
      const now = await system.log.read.task({ queue: RECORDING_QUEUES.hold, task_id: id });
      if (now.phase !== 'running' || now.run.attempt !== attempt || !now.run.checkpoint) return false;
      const saved = await system.log.read.factAt(now.run.checkpoint);
      return saved?.kind === 'checkpoint' && saved.data.run.attempt === attempt && saved;
    },
    { timeoutMs: LIMIT_MS, every: 20, what: `attempt ${attempt} of ${id}` },
  );
  return (state.data.state as { started: number }).started;
}

const factsWhen = (
  { log }: BenchSystem,
  queue: string,
  id: string,
  are: (kinds: Fact['kind'][]) => boolean,
): Promise<Fact[]> =>
  waitUntil(
    async () => {
      const facts = await log.read.history({ queue, task_id: id });
      return are(facts.map(({ kind }) => kind)) && facts;
    },
    { timeoutMs: LIMIT_MS, every: 200, what: `the facts of ${id}` },
  );

async function submitAll(system: BenchSystem, name: string, queue: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => crypto.randomUUID());
  for (const task_id of ids)
    await system.log.append({ queue, task_id }, 0, submissionEvent(name, 5), { actor: 'api:bench' });
  return ids;
}

const startWorker = (system: BenchSystem, queue: string, concurrency: number): Promise<TestApp> =>
  system.spawnWorker({
    MILLRACE_HANDLERS: HANDLERS,
    MILLRACE_QUEUES: queue,
    MILLRACE_CONCURRENCY: String(concurrency),
    MILLRACE_LEASE_SECONDS: String(LEASE_SECONDS),
    MILLRACE_QUIET_SECONDS: String(QUIET_SECONDS),
    // The grace of a drain is for handlers that end by themselves.
    MILLRACE_DRAIN_SECONDS: '0',
  });
