import { setTimeout as sleep } from 'node:timers/promises';
import { caughtUp } from '../../audit/rebuild.js';
import { lastTaskSequence } from '../../audit/read-facts.js';
import type { Dice } from '../dice.js';
import type { Round, Scenario } from '../scenario.js';
import { mixed, underLoad } from '../under-load.js';

/** `kill -9` of the gateway and of the projector under load, at once a new one. */
export const gatewayAndProjectorKilled: Scenario = {
  name: 'gateway-and-projector-killed',
  claim: 'no accepted task is lost with the gateway, no row doubled with the projector',
  run: async (round: Round) => {
    const { kills, unfinished } = round.choose({
      short: { kills: 6, unfinished: 200 },
      long: { kills: 60, unfinished: 1000 },
    });
    const { dice } = round;
    // A gateway that dies between a wait and its timer leaves it to the sweeper, which takes half a minute.
    const mix = round.choose({
      short: (of: Dice) => ({ ...mixed(of), delaySeconds: undefined }),
      long: mixed,
    });
    await underLoad(
      round,
      { workers: 1, worker: { concurrency: 150 }, unfinished, mix, mayNeedRepairs: true },
      async (system) => {
        for (let kill = 1; kill <= kills; kill++) {
          const slot = kill % 2 === 0 ? system.gateway : system.projector;
          await sleep(dice.between(100, 1200));
          await slot.kill();
          slot.start();
          round.count(`kills of ${slot.name}`);
          round.note(`killed the ${slot.name}, ${kill} of ${kills}`);
          // Half of the time the next one dies while it starts.
          if (slot === system.gateway && dice.chance(0.5)) await system.gatewayReady();
        }
        await system.gatewayReady();
        const behind = await lastTaskSequence(system.log);
        const begun = performance.now();
        await caughtUp(system.database, behind, 'the projection');
        round.count('catch-up ms', Math.round(performance.now() - begun));
      },
    );
  },
};
