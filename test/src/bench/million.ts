import { setTimeout as sleep } from 'node:timers/promises';
import { QUEUES } from './bench-handlers.js';
import type { BenchSystem } from './bench-system.js';
import { median, pipelined } from './load.js';
import { endedTasks, figure, perSecond, post, taskFor } from './measurements.js';
import type { Figure, Measurement } from './measurements.js';
import { memoryOf, watchMemory } from './memory.js';
import { moved } from './reorder-measurements.js';

const PER_REQUEST = 1_000;
/** Of those that wait, so many are worked off at most. */
const DRAINED_AT_MOST = 100_000;
/** Pages that are read one after the other: the last ones are deep. */
const PAGES = 100;
const PAGE = 500;
/** The last position that can be asked for. */
const DEEP_POSITION = 1_000;
/** Caches and collectors have had their time. */
const REST_MS = 10_000;

/** A million tasks that wait, or as many as are asked for: what it takes to have them, to look at them, and to work them off. */
export const million =
  (tasks: number): Measurement =>
  async (system) => {
    const most = watchMemory(system.pids);
    const figures = [
      ...(await submitted(system, tasks)),
      ...(await listedAndMoved(system)),
      ...(await paused(system)),
      ...(await worked(system, Math.min(tasks / 2, DRAINED_AT_MOST))),
    ];
    const peak = most();
    await sleep(REST_MS);
    return [
      ...figures,
      ...Object.entries(peak).map(([name, bytes]) => megabytes(`${name} at most`, bytes)),
      ...Object.entries(memoryOf(system.pids())).map(([name, bytes]) =>
        megabytes(`${name} afterwards`, bytes),
      ),
    ];
  };

const megabytes = (what: string, bytes: number): Figure =>
  figure(`million: memory ${what}`, 'MB', bytes / 1024 ** 2);

async function submitted(system: BenchSystem, count: number): Promise<Figure[]> {
  const tasks = Array.from({ length: PER_REQUEST }, () => taskFor(QUEUES.million));
  const body = JSON.stringify({ tasks });
  const since = performance.now();
  await pipelined(count / PER_REQUEST, 4, () => post(system, '/api/v1/tasks/bulk', body));
  const rate = perSecond(count, since);
  const behind = performance.now();
  await system.projected((await system.log.admin.state()).lastSequence);
  return [
    figure('million: submit bulk', 'tasks/s', rate),
    figure('million: projector behind at the end', 's', (performance.now() - behind) / 1000),
  ];
}

/** Pages of what waits, from the first on, as whoever turns them does; then two tasks of the last page are moved ahead. */
async function listedAndMoved(system: BenchSystem): Promise<Figure[]> {
  const times: number[] = [];
  let last: { task_id: string }[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES; page++) {
    const after: string = cursor === null ? '' : `&cursor=${cursor}`;
    const since = performance.now();
    const answer: unknown = await get(
      system,
      `/api/v1/queues/${QUEUES.million}/pending?limit=${PAGE}${after}`,
    );
    times.push(performance.now() - since);
    const { items, next_cursor } = answer as { items: { task_id: string }[]; next_cursor: string | null };
    [last, cursor] = [items, next_cursor];
  }
  return [
    figure(`million: first page of ${PAGE}`, 'ms', times[0] ?? NaN),
    figure(`million: pages at ${PAGES * PAGE}, median`, 'ms', median(times.slice(-20))),
    figure('million: reorder to 0', 'ms', await moved(system, last[0]?.task_id ?? '', 0)),
    figure(
      `million: reorder to ${DEEP_POSITION}`,
      'ms',
      await moved(system, last[1]?.task_id ?? '', DEEP_POSITION),
    ),
  ];
}

/** From the request to the answer, and from the request to resume to the first end of a task. */
async function paused(system: BenchSystem): Promise<Figure[]> {
  const pausedAt = performance.now();
  await post(system, `/api/v1/queues/${QUEUES.million}/pause`, '{}', 200);
  const pausedMs = performance.now() - pausedAt;
  await system.startWorker(QUEUES.million, 100);
  const ended = await endedTasks(system, QUEUES.million, 1);
  const resumedAt = performance.now();
  await post(system, `/api/v1/queues/${QUEUES.million}/resume`, '', 200);
  const firstMs = (await ended.first) - resumedAt;
  await system.stopWorker();
  await ended.all;
  return [figure('million: pause', 'ms', pausedMs), figure('million: resume→first end', 'ms', firstMs)];
}

async function worked(system: BenchSystem, count: number): Promise<Figure[]> {
  const ended = await endedTasks(system, QUEUES.million, count);
  await system.startWorker(QUEUES.million, 100);
  const begun = await ended.first;
  await ended.all;
  const rate = perSecond(count, begun);
  await system.stopWorker();
  await system.projected((await system.log.admin.state()).lastSequence);
  return [figure('million: drain', 'tasks/s', rate)];
}

async function get({ http, headers }: BenchSystem, path: string): Promise<unknown> {
  const { statusCode, body } = await http.request({ path, method: 'GET', headers });
  if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}: ${await body.text()}`);
  return body.json();
}
