import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@millrace/testing';
import type { Round, Scenario } from '../scenario.js';
import { mixed, underLoad } from '../under-load.js';

/** It keeps almost nothing, and looks all the time. */
const EAGER_JANITOR = { MILLRACE_JANITOR_SECONDS: '0.5', MILLRACE_LOG_RETENTION_TASKS: '300' };

/** The janitor takes from the log whatever it can, while everything else is killed, itself included. */
export const logShortened: Scenario = {
  name: 'log-shortened',
  claim: 'what the janitor takes from the log no task needs, whatever dies meanwhile',
  run: async (round: Round) => {
    const { kills, unfinished } = round.choose({
      short: { kills: 6, unfinished: 200 },
      long: { kills: 60, unfinished: 800 },
    });
    const { dice } = round;
    await underLoad(
      round,
      {
        workers: 2,
        worker: { leaseSeconds: 2, quietSeconds: 1, concurrency: 60 },
        scheduler: EAGER_JANITOR,
        unfinished,
        mix: mixed,
        isShortened: true,
      },
      async (system) => {
        system.startAnother('scheduler', EAGER_JANITOR);
        for (let kill = 1; kill <= kills; kill++) {
          await sleep(dice.between(300, 1500));
          // The leader stands still with whatever it has in hand, and wakes up when another has long led.
          if (kill === 2) system.scheduler.app.signal('SIGSTOP');
          const victim = dice.pick(['scheduler', 'projector', 'broker', 'worker'] as const);
          if (victim === 'broker') {
            await system.nats.kill();
            await system.nats.restart();
          } else if (victim === 'worker') {
            await system.workers.shift()?.kill();
            await system.startWorker();
          } else {
            await system[victim].kill();
            system[victim].start();
          }
          round.count('kills');
          round.note(`killed the ${victim}, ${kill} of ${kills}`);
        }
        system.scheduler.app.signal('SIGCONT');
        // The broker may be on its way back.
        const { firstSequence, lastSequence } = await waitUntil(() => system.log.admin.state());
        round.count('purged', firstSequence - 1);
        round.note(`the log begins at ${firstSequence} and ends at ${lastSequence}`);
      },
    );
    const { rows, attempts } = round.figures;
    round.expect(rows! < attempts!, `most of the log was left: ${rows} rows of ${attempts} attempts`);
  },
};
