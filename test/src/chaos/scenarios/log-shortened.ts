import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@millrace/testing';
import { Archives } from '../../system/archives.js';
import type { System } from '../../system/system.js';
import type { WorkerProcess } from '../../system/worker-process.js';
import { ArchiveLoad, textOf } from '../archive-load.js';
import type { Round, Scenario } from '../scenario.js';
import { mixed, underLoad } from '../under-load.js';

/** It keeps almost nothing, and looks all the time. */
const EAGER_JANITOR = { MILLRACE_JANITOR_SECONDS: '0.5', MILLRACE_LOG_RETENTION_TASKS: '300' };
const FILE = 'long';
const ARCHIVE = 'archive-';
/** Chunks, of which some are in a checkpoint. */
const BEFORE_KILL = 60;
const ARCHIVER = { handlers: '@millrace/samples', concurrency: 3 };
const VICTIMS = ['scheduler', 'projector', 'broker', 'worker', 'archiver', 'archiver'] as const;

/** The janitor takes from the log whatever it can, while everything else is killed, itself included. */
export const logShortened: Scenario = {
  name: 'log-shortened',
  claim:
    'what the janitor takes from the log no task needs, whatever dies meanwhile, and no run that goes on from a checkpoint',
  run: async (round: Round) => {
    const archives = await Archives.create();
    try {
      await archives.add(FILE, textOf(round.dice, round.choose({ short: 200_000, long: 250_000 })));
      await shorten(round, archives);
    } finally {
      await archives.remove();
    }
  },
};

async function shorten(round: Round, archives: Archives): Promise<void> {
  const { kills, unfinished } = round.choose({
    short: { kills: 5, unfinished: 100 },
    long: { kills: 60, unfinished: 800 },
  });
  const { dice } = round;
  const resumable = new ArchiveLoad(archives, [FILE]);
  let deaths: System['deaths'] | undefined;
  const histories = await underLoad(
    round,
    {
      workers: 2,
      worker: { leaseSeconds: 2, quietSeconds: 1, concurrency: 60 },
      env: archives.env,
      scheduler: EAGER_JANITOR,
      unfinished,
      mix: mixed,
      isShortened: true,
      isApart: (taskId) => taskId.startsWith(ARCHIVE),
    },
    async (system) => {
      ({ deaths } = system);
      system.startAnother('scheduler', EAGER_JANITOR);
      let archiver = await startArchiver(system);
      for (let kill = 1; kill <= kills; kill++) {
        await sleep(dice.between(300, 1500));
        // The leader stands still with whatever it has in hand, and wakes up when another has long led.
        if (kill === 2) system.scheduler.app.signal('SIGSTOP');
        // The first is one whose run must go on.
        const victim = kill === 1 ? 'archiver' : dice.pick(VICTIMS);
        if (victim === 'broker') {
          await system.nats.kill();
          await system.nats.restart();
        } else if (victim === 'worker') {
          await system.workers.shift()?.kill();
          await system.startWorker();
        } else if (victim === 'archiver') {
          await resumable.submit(system, `${ARCHIVE}${kill}`, dice);
          await resumable.goesOn(BEFORE_KILL);
          await resumable.noneIsLostTooOften(system);
          await archiver.kill();
          archiver = await startArchiver(system);
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
  if (deaths) resumable.judge(round, histories, { deaths });
  const { rows, attempts } = round.figures;
  round.expect(rows! < attempts!, `most of the log was left: ${rows} rows of ${attempts} attempts`);
}

/** Beside the workers of the load: it is killed only when its runs got further. */
async function startArchiver(system: System): Promise<WorkerProcess> {
  const archiver = await system.startWorker(ARCHIVER);
  system.workers.splice(system.workers.indexOf(archiver), 1);
  return archiver;
}
