import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@millrace/testing';
import type { Round, Scenario } from '../scenario.js';
import { mixed, underLoad } from '../under-load.js';

/** With fewer tasks that have not ended no kill counts. */
const IN_FLIGHT = 1000;

/** `kill -9` of nats-server under load, at random moments, for a moment or a second. */
export const brokerKilled: Scenario = {
  name: 'broker-killed',
  claim: 'every accepted task ends once over kills of the broker, and no living worker is robbed',
  run: async (round: Round) => {
    const { kills, unfinished, workers, concurrency } = round.choose({
      short: { kills: 5, unfinished: 1400, workers: 2, concurrency: 100 },
      long: { kills: 25, unfinished: 2000, workers: 3, concurrency: 200 },
    });
    const { dice } = round;
    await underLoad(
      round,
      { workers, worker: { leaseSeconds: 2, quietSeconds: 2, concurrency }, unfinished, mix: mixed },
      async (system, watch) => {
        let least = Infinity;
        for (let kill = 1; kill <= kills; kill++) {
          // The brief gaps meet connections and acknowledgements that are on their way back.
          await sleep(dice.chance(0.3) ? dice.between(0, 200) : dice.between(200, 2500));
          await waitForLoad(watch);
          least = Math.min(least, watch.open);
          await system.nats.kill();
          await sleep(dice.chance(0.5) ? 0 : dice.between(0, 1000));
          await system.nats.restart();
          round.note(`killed the broker, ${kill} of ${kills}, with ${watch.open} tasks in flight`);
          round.count('kills');
        }
        round.count('least in flight', least);
      },
    );
    round.expect(round.figures.takeovers === 0, `${round.figures.takeovers} living workers were robbed`);
  },
};

async function waitForLoad(watch: { open: number }): Promise<void> {
  await waitUntil(() => watch.open >= IN_FLIGHT, { timeoutMs: 30_000, what: `${IN_FLIGHT} tasks in flight` });
}
