import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@millrace/testing';
import { QUEUES } from './bench-handlers.js';
import type { BenchSystem } from './bench-system.js';
import { quantiles, submitToLog } from './load.js';
import { clock, figure } from './measurements.js';
import type { Figure, Measurement } from './measurements.js';
import { usageOf } from './processes.js';

const STREAMS = 1_000;
const EVENTS = 200;
const EVENTS_PER_SECOND = 20;
/** What is at the start of a stream, and was there before, comes within this time. */
const SETTLED_WITHIN_MS = 60_000;

/** A thousand clients of one gateway: how long after its append an event reaches them, and what that costs. */
export const sse: Measurement = async (system) => {
  const atRest = gatewayOf(system).rssBytes;
  const all = await Promise.all(Array.from({ length: STREAMS }, () => open(system, '/api/v1/events/stream')));
  const ofAll = await measured(system, 'streams of all', all, (at) =>
    submitToLog(system.log, QUEUES.streams).then(({ sequence }) => at(sequence, STREAMS)),
  );
  const inUse = gatewayOf(system).rssBytes;
  for (const { socket } of all) socket.destroy();

  const tasks = await Promise.all(
    Array.from({ length: STREAMS }, () => submitToLog(system.log, QUEUES.streams)),
  );
  const single = await Promise.all(
    tasks.map(({ task_id }) => open(system, `/api/v1/tasks/${task_id}/events/stream`)),
  );
  await waitUntil(() => single.every(({ arrivals }) => arrivals.size > 0), { timeoutMs: SETTLED_WITHIN_MS });
  let next = 0;
  const ofTask = await measured(system, 'streams of a task each', single, async (at) => {
    const task = tasks[next++ % tasks.length];
    if (!task) return;
    const { fact } = await system.log.change(task, { type: 'cancel' }, { actor: 'bench' });
    if (fact) at(fact.sequence, 1);
  });
  for (const { socket } of single) socket.destroy();
  return [
    ...ofAll,
    figure('gateway with 1000 streams', 'MB', inUse / 1024 ** 2),
    figure('memory per stream', 'KB', (inUse - atRest) / STREAMS / 1024),
    ...ofTask,
  ];
};

/** A stream, and when the event of each sequence reached its client. */
interface Stream {
  socket: Socket;
  arrivals: Map<number, number>;
}

const gatewayOf = (system: BenchSystem) => {
  const { gateway } = usageOf(system.pids());
  if (!gateway) throw new Error('There is no gateway.');
  return gateway;
};

/** By hand: a client of HTTP would cost more than what is measured. */
async function open({ port, headers }: BenchSystem, path: string): Promise<Stream> {
  const socket = connect(port, '127.0.0.1');
  const arrivals = new Map<number, number>();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: ${headers['x-api-key'] ?? ''}\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  if (!head.toString().startsWith('HTTP/1.1 200')) throw new Error(`${path} answered ${head.toString()}`);
  const read = (chunk: Buffer): void => {
    const now = clock();
    for (const [, id] of chunk.toString('latin1').matchAll(/^id: (\d+)\nevent/gm))
      if (!arrivals.has(Number(id))) arrivals.set(Number(id), now);
  };
  read(head);
  socket.on('data', read);
  return { socket, arrivals };
}

/** @param write writes one event and tells its sequence, and to how many streams it goes, as soon as the log has it */
async function measured(
  system: BenchSystem,
  what: string,
  streams: readonly Stream[],
  write: (at: (sequence: number, receivers: number) => void) => Promise<void>,
): Promise<Figure[]> {
  const appended = new Map<number, number>();
  let expected = 0;
  const before = gatewayOf(system).cpuMicroseconds;
  for (let event = 0; event < EVENTS; event++) {
    void write((sequence, receivers) => {
      appended.set(sequence, clock());
      expected += receivers;
    });
    await sleep(1000 / EVENTS_PER_SECOND);
  }
  const delays = (): number[] =>
    streams.flatMap(({ arrivals }) =>
      [...arrivals].flatMap(([sequence, at]) => {
        const since = appended.get(sequence);
        return since === undefined ? [] : [Math.max(0, at - since)];
      }),
    );
  const found = await waitUntil(
    () => {
      const values = delays();
      return values.length === expected && values;
    },
    { timeoutMs: SETTLED_WITHIN_MS, every: 250, what: `${what}: all events at their clients` },
  );
  const cpu = gatewayOf(system).cpuMicroseconds - before;
  const name = `event→client, ${STREAMS} ${what}`;
  return [
    ...quantiles(found, 0.5, 0.95, 0.99).map((value, i) =>
      figure(`${name}, p${[50, 95, 99][i] ?? 0}`, 'ms', value),
    ),
    figure(`gateway CPU per event sent, ${what}`, 'µs', cpu / expected),
  ];
}
