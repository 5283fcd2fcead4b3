import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@millrace/testing';
import { TaskWatch } from '../../audit/task-watch.js';
import { withSystem } from '../../system/system.js';
import { Load } from '../load.js';
import { conclude } from '../scenario.js';
import type { Round, Scenario } from '../scenario.js';

/** One outage of the broker, longer than the lease, with tasks that run through it. */
export const brokerOutage: Scenario = {
  name: 'broker-outage',
  claim: 'a long task does not restart because the broker was away for longer than its lease',
  run: async (round: Round) => {
    const { leaseSeconds, quietSeconds, outageMs, longMs, long, ending } = round.choose({
      short: { leaseSeconds: 2, quietSeconds: 3, outageMs: 6_000, longMs: 13_000, long: 20, ending: 40 },
      long: { leaseSeconds: 5, quietSeconds: 10, outageMs: 20_000, longMs: 60_000, long: 50, ending: 200 },
    });
    // Another worker with free slots is there to take whatever the server hands out again.
    const worker = { leaseSeconds, quietSeconds, concurrency: long + ending };
    await withSystem({ workers: 2, worker }, async (system) => {
      const watch = TaskWatch.start(system.log);
      const load = new Load(system.api, round.dice.fork(), `c${round.seed}`);
      await load.submitAll(Array.from({ length: long }, () => ({ params: { ms: longMs } })));
      // These end while the broker is away: their results are kept.
      await load.submitAll(
        Array.from({ length: ending }, () => ({ params: { ms: round.dice.between(1_500, outageMs) } })),
      );
      const running = (): boolean =>
        system.journal.lines().filter((line) => line.word === 'start').length === long + ending;
      await waitUntil(running, { what: 'the start of all tasks', every: 50 });
      await system.nats.kill();
      round.note(`the broker is away for ${outageMs} ms`);
      await sleep(outageMs);
      await system.nats.restart();
      round.count('outage ms', outageMs);
      await conclude(round, system, watch, load);
      round.expect(
        round.figures.attempts === long + ending,
        `${long + ending} tasks had ${round.figures.attempts} attempts`,
      );
    });
  },
};
