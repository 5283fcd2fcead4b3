import { setTimeout as sleep } from 'node:timers/promises';
import type { Dice } from '../dice.js';
import type { Wish } from '../load.js';
import type { Round, Scenario } from '../scenario.js';
import { underLoad } from '../under-load.js';

/** `kill -9` of workers in mid-task, a new one in the place of each. */
export const workersKilled: Scenario = {
  name: 'workers-killed',
  claim: 'a task runs again only after the death of its worker, and ends once',
  run: async (round: Round) => {
    const { kills, unfinished } = round.choose({
      short: { kills: 5, unfinished: 100 },
      long: { kills: 40, unfinished: 300 },
    });
    const { dice } = round;
    await underLoad(
      round,
      {
        workers: 2,
        worker: { leaseSeconds: 2, quietSeconds: 1, concurrency: 40 },
        unfinished,
        mix: inTheMidst,
      },
      async (system) => {
        for (let kill = 1; kill <= kills; kill++) {
          await sleep(dice.between(200, 1500));
          const at = dice.between(0, system.workers.length - 1);
          const [victim] = system.workers.splice(at, 1);
          const begun = victim?.slot.app.pid;
          await victim?.kill();
          round.count('kills');
          round.note(`killed the worker ${begun}, ${kill} of ${kills}`);
          // Half of the time another one is there at once, else one is missing for a while.
          if (dice.chance(0.5) || system.workers.length === 1) await system.startWorker();
        }
        // Who takes over must be there: the last ones of those that died may have been all.
        if (system.workers.length < 2) await system.startWorker();
      },
    );
  },
};

/** Mostly long enough to be met in the middle; some report, some fail. */
function inTheMidst(dice: Dice): Wish {
  const wish: Wish = { params: { ms: dice.between(100, 2500) } };
  if (dice.chance(0.15)) wish.params = { ms: dice.between(100, 800), fail: dice.between(1, 2) };
  if (dice.chance(0.3)) wish.params.report = true;
  if (dice.chance(0.05)) wish.cancelAfterMs = dice.between(0, 2000);
  return wish;
}
