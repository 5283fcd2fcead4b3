import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { NO_TASK, decide } from '@millrace/domain';
import type { QueueLimits } from '@millrace/domain';
import { streams, subjects } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import { QUEUES } from './bench-handlers.js';
import type { BenchSystem } from './bench-system.js';
import { PARAMETERS, pipelined, quantiles, submissionOf } from './load.js';
import { clock, endedTasks, figure, perSecond, post } from './measurements.js';
import type { Measurement } from './measurements.js';

const TASKS = 20_000;
const KEYS = 100;
const LATENCIES = 500;

/** A backlog in which every task has a key with a limit, and the same without. */
export const limits: Measurement = async (system) => {
  const unlimited = await drained(system, QUEUES.unlimited, false);
  await limit(system, QUEUES.limited, { key_concurrency: 10 });
  const limited = await drained(system, QUEUES.limited, true);
  return [
    figure('drain, with keys', 'tasks/s', unlimited),
    figure('drain, a limit on every key', 'tasks/s', limited),
    figure('limited to unlimited', '%', (limited / unlimited) * 100),
  ];
};

/** A hundred tasks a second over HTTP into a queue with limits that have slots left: what waiting for a slot costs. */
export const held: Measurement = async (system) => {
  await limit(system, QUEUES.held, { concurrency: 50, key_concurrency: 10 });
  const submitted = new Map<string, number>();
  const starts: number[] = [];
  const { lastSequence } = await system.log.admin.state();
  const follower = system.log.follow({
    stream: streams.tasks.name,
    from: lastSequence + 1,
    filters: [subjects.fact({ queue: QUEUES.held, task_id: '*' }, 'succeeded')],
    onMessages: (messages) => {
      for (const { subject, payload } of messages) {
        const at = submitted.get(subject.split('.').at(-1) ?? '');
        const { started } = (JSON.parse(payload) as { result: { started: number } }).result;
        if (at !== undefined) starts.push(started - at);
      }
    },
  });
  await system.startWorker(QUEUES.held, 10);
  for (let sent = 0; sent < LATENCIES; sent++) {
    const task_id = randomUUID();
    submitted.set(task_id, clock());
    const task = {
      task_name: 'noop',
      queue: QUEUES.held,
      parameters: PARAMETERS,
      concurrency_key: `k${sent % KEYS}`,
    };
    void post(system, '/api/v1/tasks', JSON.stringify({ ...task, task_id }));
    await sleep(10);
  }
  await waitUntil(() => starts.length === LATENCIES, {
    timeoutMs: 60_000,
    what: 'the end of all held tasks',
  });
  await follower.stop();
  await system.stopWorker();
  return quantiles(starts, 0.5, 0.95, 0.99).map((value, i) =>
    figure(`submit→start of held tasks p${[50, 95, 99][i] ?? 0}`, 'ms', value),
  );
};

async function drained(system: BenchSystem, queue: string, limited: boolean): Promise<number> {
  const { log } = system;
  await pipelined(TASKS, 2_000, (at) => {
    const submission = submissionOf('noop', 5);
    const spec = { ...submission.spec, concurrency_key: `k${at % KEYS}` };
    const now = Date.now();
    const event = decide({ ...submission, spec, limited }, NO_TASK, { now, random: 0 });
    if (!event) throw new Error('A submission always makes an event.');
    return log.append({ queue, task_id: randomUUID() }, 0, event, { actor: 'api:bench', now });
  });
  await system.projected((await log.admin.state()).lastSequence);
  const ended = await endedTasks(system, queue, TASKS);
  await system.startWorker(queue, 100);
  const begun = await ended.first;
  await ended.all;
  const rate = perSecond(TASKS, begun);
  await system.projected((await log.admin.state()).lastSequence);
  await system.stopWorker();
  return rate;
}

async function limit({ log }: BenchSystem, queue: string, settings: QueueLimits): Promise<void> {
  const entry = await log.buckets.queues.get(queue);
  if (!entry) throw new Error(`The queue ${queue} is not defined.`);
  await log.buckets.queues.update(queue, { ...entry.value, settings }, entry.revision);
}
