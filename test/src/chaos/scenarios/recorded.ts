import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@millrace/testing';
import { compareWithFold } from '../../audit/fold.js';
import { compareMetrics } from '../../audit/metrics-by-hand.js';
import { compareMoments } from '../../audit/moments.js';
import { readFacts } from '../../audit/read-facts.js';
import { compareWithRebuild } from '../../audit/rebuild.js';
import { TaskWatch } from '../../audit/task-watch.js';
import { withSystem } from '../../system/system.js';
import type { System } from '../../system/system.js';
import { Load } from '../load.js';
import type { Order } from '../../audit/orders.js';
import type { Round, Scenario } from '../scenario.js';
import { mixed } from '../under-load.js';

const UNFINISHED = 600;
const WORKER = { concurrency: 300 };
const ENDS_WITHIN_MS = 120_000;
const MOMENTS = 100;
/** One task of so many is paused at some moment of its life, and resumed. */
const PAUSED_OF = 25;

/** A long life with failures, retries, pauses and cancels, and every telling of it compared with every other. */
export const recorded: Scenario = {
  name: 'recorded',
  claim: 'live tables, a rebuild, a fold in memory, a count by hand and the past tell the same',
  run: async (round: Round) => {
    const tasks = round.choose({ short: 1_200, long: 100_000 });
    await withSystem({ workers: 2, worker: WORKER }, async (system) => {
      const watch = TaskWatch.start(system.log);
      const load = new Load(system.api, round.dice.fork(), `c${round.seed}`);
      await live(round, system, watch, load, tasks);
      await watch.allEnded(load.accepted(), ENDS_WITHIN_MS);
      await watch.stop();
      round.note('comparing with a rebuild');
      const rebuild = await compareWithRebuild(system);
      const histories = await readFacts(system.log);
      round.note(`comparing ${histories.size} tasks with a fold in memory`);
      const folded = await compareWithFold(system.database, histories);
      const metrics = await compareMetrics(system.database, histories);
      round.note(`asking for ${MOMENTS} moments of the past`);
      const moments = await compareMoments(system.api, histories, round.dice.fork(), MOMENTS);
      round.faults.push(...rebuild.faults, ...folded.faults, ...metrics.faults, ...moments);
      round.count('moments', MOMENTS);
      round.count('minutes', metrics.minutes);
      round.count('tasks', folded.tasks);
      round.count('rows', rebuild.rows);
      for (const facts of histories.values())
        for (const { kind } of facts) round.count(kind.startsWith('p') && kind.length < 4 ? 'ready' : kind);
      for (const kind of ['scheduled', 'paused', 'cancelled', 'failed', 'progress'])
        round.expect(round.figures[kind]! > 0, `the run has no ${kind} in it`);
    });
  },
};

async function live(
  round: Round,
  system: System,
  watch: TaskWatch,
  load: Load,
  tasks: number,
): Promise<void> {
  const enough = new AbortController();
  const feeding = load.feed(watch, UNFINISHED, mixed, enough.signal);
  // Awaited below; what it fails with is thrown there.
  feeding.catch(() => undefined);
  try {
    await Promise.race([feeding, pauseSome(round, system, load, tasks)]);
  } finally {
    enough.abort();
  }
  await feeding;
}

/** Until so many tasks were submitted. */
async function pauseSome(round: Round, system: System, load: Load, tasks: number): Promise<void> {
  const under: Promise<void>[] = [];
  for (let at = 0; at < tasks; at += PAUSED_OF) {
    const order = await waitUntil(() => load.orders[at], { timeoutMs: ENDS_WITHIN_MS });
    under.push(pauseAndResume(round, system, order));
  }
  await Promise.all(under);
}

async function pauseAndResume({ dice }: Round, { api }: System, { taskId }: Order): Promise<void> {
  await sleep(dice.between(0, 800));
  const paused = await api.call('POST', `/api/v1/tasks/${taskId}/pause`, { grace_seconds: 1 });
  if (paused.status >= 300) return;
  await sleep(dice.between(0, 800));
  await api.call('POST', `/api/v1/tasks/${taskId}/resume`);
}
