import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@millrace/testing';
import type { BenchSystem } from '../bench-system.js';
import { liveOneTask } from '../history.js';
import { pipelined, quantiles } from '../load.js';
import { figure, perSecond } from '../measurements.js';
import type { Measurement } from '../measurements.js';
import { usageOf } from '../processes.js';

const AT_ONCE = 2_000;
const PACED = { tasksPerSecond: 3_000, seconds: 20, everyMs: 20 };
const LOOK_EVERY_MS = 5;
const REBUILT_WITHIN_MS = 3_600_000;

/** The facts of so many tasks, which were in the log before the projector was started. */
export const projector =
  (tasks: number): Measurement =>
  async (system) => {
    await system.stopApp('projector');
    await pipelined(tasks, AT_ONCE, () => liveOneTask(system.log));
    const { lastSequence } = await system.log.admin.state();
    system.startApp('projector');
    // From its first batch on: it takes a second to start.
    await waitUntil(async () => (await projectedUpTo(system)) > 0, {
      timeoutMs: 60_000,
      every: 5,
      what: 'the first batch',
    });
    const [before, since, from] = [usageOf(system.pids()), performance.now(), await projectedUpTo(system)];
    await system.projected(lastSequence);
    const count = lastSequence - from;
    const rate = perSecond(count, since);
    const after = usageOf(system.pids());
    const cpu = ['projector', 'postgres'].map((name) =>
      figure(
        `projector, backlog: CPU ${name}`,
        'µs/event',
        ((after[name]?.cpuMicroseconds ?? 0) - (before[name]?.cpuMicroseconds ?? 0)) / count,
      ),
    );
    return [figure('projector, backlog', 'events/s', rate), ...cpu];
  };

/** From the answer to an append until the row can be read, while tasks come and end at a steady pace. */
export const projectorLag: Measurement = async (system) => {
  const appended: { sequence: number; at: number }[] = [];
  const seen: { sequence: number; at: number }[] = [];
  const over = new AbortController();
  const looking = (async () => {
    while (!over.signal.aborted) {
      seen.push({ sequence: await projectedUpTo(system), at: performance.now() });
      await sleep(LOOK_EVERY_MS);
    }
  })();
  const since = performance.now();
  const lives: Promise<void>[] = [];
  for (let begun = 0; begun < PACED.tasksPerSecond * PACED.seconds;) {
    const due = Math.min(
      PACED.tasksPerSecond * PACED.seconds,
      Math.floor(((performance.now() - since) / 1000) * PACED.tasksPerSecond),
    );
    for (; begun < due; begun++)
      lives.push(liveOneTask(system.log, (sequence) => appended.push({ sequence, at: performance.now() })));
    await sleep(PACED.everyMs);
  }
  await Promise.all(lives);
  const rate = perSecond(lives.length, since);
  await system.projected((await system.log.admin.state()).lastSequence);
  over.abort();
  await looking;
  const lags = quantiles(lagsOf(appended, seen), 0.5, 0.99);
  return [
    figure('projector, paced load', 'tasks/s', rate),
    ...lags.map((ms, index) => figure(`projector, append→row, p${index === 0 ? 50 : 99}`, 'ms', ms)),
  ];
};

/** The log of the measurements before, built anew beside the tables in use. */
export const rebuild: Measurement = async (system) => {
  const { lastSequence } = await system.log.admin.state();
  await system.projected(lastSequence);
  const since = performance.now();
  const tool = system.runTool('projector', 'rebuild.js');
  await tool.line('Built up to', REBUILT_WITHIN_MS);
  const rate = perSecond(lastSequence, since);
  await tool.exited;
  return [figure('rebuild', 'events/s', rate)];
};

async function projectedUpTo({ database }: BenchSystem): Promise<number> {
  const [row] = await database.rows<{ sequence: number }>(
    `SELECT sequence FROM projections WHERE name = 'tasks'`,
  );
  return row?.sequence ?? 0;
}

/** Each fact waits for the first look that found it. */
function lagsOf(
  appended: { sequence: number; at: number }[],
  seen: { sequence: number; at: number }[],
): number[] {
  const inOrder = appended.toSorted((a, b) => a.sequence - b.sequence);
  let look = 0;
  return inOrder.map(({ sequence, at }) => {
    while (look < seen.length - 1 && (seen[look]?.sequence ?? 0) < sequence) look++;
    return Math.max(0, (seen[look]?.at ?? NaN) - at);
  });
}
