import { setTimeout as sleep } from 'node:timers/promises';
import { PRIORITY } from '@millrace/domain';
import { streams, subjects } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import { QUEUES } from './bench-handlers.js';
import type { BenchSystem } from './bench-system.js';
import { PARAMETERS, pipelined, quantiles, submitToLog } from './load.js';
import { usageOf } from './processes.js';

/** One measured figure. */
export interface Figure {
  name: string;
  unit: string;
  value: number;
}

export type Measurement = (system: BenchSystem) => Promise<Figure[]>;

export const SIZES = {
  publisher: 100_000,
  single: 10_000,
  bulk: 50_000,
  backlog: 50_000,
  waiting: 100_000,
  isolated: 10_000,
  cancel: 50_000,
  latency: 1_000,
};

export const figure = (name: string, unit: string, value: number): Figure => ({ name, unit, value });

export const perSecond = (count: number, sinceMs: number): number =>
  (count / (performance.now() - sinceMs)) * 1000;

/** Conditional appends from one process, many in flight. */
export const publisher: Measurement = async ({ log }) => {
  const cpu = process.cpuUsage();
  const since = performance.now();
  await pipelined(SIZES.publisher, 2_000, () => submitToLog(log, QUEUES.submits));
  const rate = perSecond(SIZES.publisher, since);
  const used = process.cpuUsage(cpu);
  return [
    figure('publisher', 'appends/s', rate),
    figure('publisher, client CPU', 'µs/append', (used.user + used.system) / SIZES.publisher),
  ];
};

export const taskFor = (queue: string) => ({ task_name: 'noop', queue, parameters: PARAMETERS });

/** One task per request, 64 connections' worth of requests in flight over 16 connections. */
export const singleSubmits: Measurement = async (system) => {
  const body = JSON.stringify(taskFor(QUEUES.submits));
  const since = performance.now();
  await pipelined(SIZES.single, 64, () => post(system, '/api/v1/tasks', body));
  return [figure('submit single', 'requests/s', perSecond(SIZES.single, since))];
};

/** A thousand tasks per request. */
export const bulkSubmits: Measurement = async (system) => {
  const perRequest = 1_000;
  const body = JSON.stringify({ tasks: Array.from({ length: perRequest }, () => taskFor(QUEUES.submits)) });
  const since = performance.now();
  await pipelined(SIZES.bulk / perRequest, 4, () => post(system, '/api/v1/tasks/bulk', body));
  return [figure('submit bulk', 'tasks/s', perSecond(SIZES.bulk, since))];
};

/** A backlog, worked off by one worker while the projector follows. */
export const drain: Measurement = async (system) => {
  const { rate, startMs } = await drained(system, QUEUES.drain, () => PRIORITY.default);
  return [figure('drain', 'tasks/s', rate), figure('worker start', 'ms', startMs)];
};

/** The same over ten lanes that are loaded evenly. */
export const lanes: Measurement = async (system) => {
  const { rate } = await drained(system, QUEUES.lanes, (index) => index % 10);
  return [figure('drain, 10 lanes', 'tasks/s', rate)];
};

async function drained(
  system: BenchSystem,
  queue: string,
  priorityOf: (index: number) => number,
): Promise<{ rate: number; startMs: number }> {
  const left = SIZES.backlog;
  await pipelined(left, 2_000, (index) => submitToLog(system.log, queue, 'noop', priorityOf(index)));
  await system.projected((await system.log.admin.state()).lastSequence);
  const ended = await endedTasks(system, queue, left);
  const since = performance.now();
  await system.startWorker(queue, 100);
  const begun = await ended.first;
  await ended.all;
  const rate = (left / (performance.now() - begun)) * 1000;
  await system.projected((await system.log.admin.state()).lastSequence);
  await system.stopWorker();
  return { rate, startMs: begun - since };
}

/** The same with a handler in child processes: eight of them, so that the two cores work while a task waits for the log. */
export const isolated: Measurement = async (system) => {
  const left = SIZES.isolated;
  await pipelined(left, 2_000, () => submitToLog(system.log, QUEUES.isolated, 'isolated_noop'));
  await system.projected((await system.log.admin.state()).lastSequence);
  const ended = await endedTasks(system, QUEUES.isolated, left);
  await system.startWorker(QUEUES.isolated, 8);
  const begun = await ended.first;
  await ended.all;
  const rate = (left / (performance.now() - begun)) * 1000;
  await system.stopWorker();
  return [figure('drain, isolated', 'tasks/s', rate)];
};

/** One request that cancels a queue full of waiting tasks, while the projector follows. */
export const bulkCancel: Measurement = async (system) => {
  await pipelined(SIZES.cancel, 2_000, () => submitToLog(system.log, QUEUES.cancel));
  await system.projected((await system.log.admin.state()).lastSequence);
  const wish = { action: 'cancel', filter: { queue: QUEUES.cancel }, limit: SIZES.cancel };
  const since = performance.now();
  const { done } = await ask<{ done: number }>(system, '/api/v1/tasks/actions', wish);
  if (done !== SIZES.cancel) throw new Error(`Only ${done} tasks were cancelled.`);
  return [figure('bulk cancel', 'tasks/s', perSecond(done, since))];
};

/** Bulk submits over HTTP, a worker and the projector at once, until the last row is in Postgres; with the CPU of every process. */
export const endToEnd: Measurement = async (system) => {
  const perRequest = 500;
  const body = JSON.stringify({ tasks: Array.from({ length: perRequest }, () => taskFor(QUEUES.endToEnd)) });
  await system.startWorker(QUEUES.endToEnd, 100);
  const ended = await endedTasks(system, QUEUES.endToEnd, SIZES.backlog);
  const before = usageOf(system.pids());
  const own = process.cpuUsage();
  const since = performance.now();
  await pipelined(SIZES.backlog / perRequest, 4, () => post(system, '/api/v1/tasks/bulk', body));
  await ended.all;
  await system.projected((await system.log.admin.state()).lastSequence);
  const rate = perSecond(SIZES.backlog, since);
  const generator = process.cpuUsage(own);
  const after = usageOf(system.pids());
  await system.stopWorker();
  const each = Object.entries(after).map(([name, usage]) =>
    figure(
      `CPU ${name}`,
      'µs/task',
      (usage.cpuMicroseconds - (before[name]?.cpuMicroseconds ?? 0)) / SIZES.backlog,
    ),
  );
  return [
    figure('end to end', 'tasks/s', rate),
    figure(
      'CPU of all processes',
      'µs/task',
      each.reduce((sum, { value }) => sum + value, 0),
    ),
    ...each,
    figure(
      'CPU load generator (not counted)',
      'µs/task',
      (generator.user + generator.system) / SIZES.backlog,
    ),
  ];
};

/** A hundred tasks a second over HTTP: from before the request to the handler's first line, and to the terminal fact in the log. */
export const latency =
  (label: string, waiting: number): Measurement =>
  async (system) => {
    const { log } = system;
    const submitted = new Map<string, number>();
    const starts: number[] = [];
    const ends: number[] = [];
    const { lastSequence } = await log.admin.state();
    const follower = log.follow({
      stream: streams.tasks.name,
      from: lastSequence + 1,
      filters: [subjects.fact({ queue: QUEUES.latency, task_id: '*' }, 'succeeded')],
      onMessages: (messages) => {
        const now = clock();
        for (const message of messages) {
          const id = message.subject.split('.').at(-1) ?? '';
          const at = submitted.get(id);
          if (at === undefined) continue;
          ends.push(now - at);
          starts.push((JSON.parse(message.payload) as { result: { started: number } }).result.started - at);
        }
      },
    });
    await pipelined(waiting, 2_000, () => submitToLog(log, QUEUES.latency, 'ten_milliseconds', 1));
    await system.startWorker(QUEUES.latency, 10);
    for (let sent = 0; sent < SIZES.latency; sent++) {
      const task_id = crypto.randomUUID();
      submitted.set(task_id, clock());
      void post(
        system,
        '/api/v1/tasks',
        JSON.stringify({ ...taskFor(QUEUES.latency), priority: 9, task_id }),
      );
      await sleep(10);
    }
    await waitUntil(() => ends.length === SIZES.latency, {
      timeoutMs: 60_000,
      what: 'the end of all measured tasks',
    });
    await follower.stop();
    await system.stopWorker();
    const of = (what: string, values: number[]): Figure[] =>
      quantiles(values, 0.5, 0.95, 0.99).map((value, i) =>
        figure(`${what}${label} p${[50, 95, 99][i] ?? 0}`, 'ms', value),
      );
    return [...of('submit→start', starts), ...of('submit→done', ends)];
  };

/** What each process holds when nothing happens. */
export const memory: Measurement = async (system) => {
  await system.startWorker(QUEUES.latency, 10);
  const usage = usageOf(system.pids());
  await system.stopWorker();
  return Object.entries(usage).map(([name, { rssBytes }]) =>
    figure(`memory ${name} at rest`, 'MB', rssBytes / 1024 ** 2),
  );
};

export const clock = (): number => performance.timeOrigin + performance.now();

export async function post(
  { http, headers }: BenchSystem,
  path: string,
  body: string,
  expected = 202,
): Promise<void> {
  const { statusCode, body: answer } = await http.request({ path, method: 'POST', headers, body });
  if (statusCode !== expected) throw new Error(`${path} answered ${statusCode}: ${await answer.text()}`);
  await answer.dump();
}

async function ask<Answer>({ http, headers }: BenchSystem, path: string, body: object): Promise<Answer> {
  const answer = await http.request({ path, method: 'POST', headers, body: JSON.stringify(body) });
  if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}.`);
  return (await answer.body.json()) as Answer;
}

/** Follows the log until so many tasks of the backlog's queue have ended: when the first and the last one did. */
export async function endedTasks(
  { log }: BenchSystem,
  queue: string,
  count: number,
): Promise<{ first: Promise<number>; all: Promise<void> }> {
  const { lastSequence } = await log.admin.state();
  let left = count;
  let sawFirst: (at: number) => void = () => undefined;
  let sawAll: () => void = () => undefined;
  const first = new Promise<number>((resolve) => (sawFirst = resolve));
  const all = new Promise<void>((resolve) => (sawAll = resolve));
  const follower = log.follow({
    stream: streams.tasks.name,
    from: lastSequence + 1,
    filters: [subjects.fact({ queue, task_id: '*' }, 'succeeded')],
    onMessages: (messages) => {
      sawFirst(performance.now());
      left -= messages.length;
      if (left <= 0) sawAll();
    },
  });
  return { first, all: all.then(() => follower.stop()) };
}
