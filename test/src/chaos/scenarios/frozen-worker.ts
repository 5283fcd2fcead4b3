import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@millrace/testing';
import { TaskWatch } from '../../audit/task-watch.js';
import type { JournalLine, JournalWord } from '../../system/journal.js';
import { withSystem } from '../../system/system.js';
import type { System } from '../../system/system.js';
import type { AppendLine } from '../../system/chaos-handlers.js';
import { Load } from '../load.js';
import { conclude } from '../scenario.js';
import type { Round, Scenario } from '../scenario.js';

const LEASE_SECONDS = 2;
/** Lease, two questions with a pause between them, and room for a machine that is busy. */
const TAKEOVER_WITHIN_MS = (LEASE_SECONDS + 5) * 1000;
/** One free slot: a worker that runs the task has no open pull, into which a ticket could go while it is frozen. */
const WORKER = { leaseSeconds: LEASE_SECONDS, quietSeconds: 1, concurrency: 1 };
const SOON_MS = 30_000;
/** Longer than anybody here waits. */
const FOR_EVER_MS = 120_000;

/** When the frozen worker comes back, and with what. */
const STORIES: readonly { back: string; params: AppendLine }[] = [
  // Its handler says nothing and goes on: nobody tells it that its time is over.
  { back: 'beside-its-successor', params: { ms: [FOR_EVER_MS, FOR_EVER_MS, 500] } },
  // Its handler has long slept enough, and returns a result at once.
  { back: 'with-a-late-result', params: { ms: [2_000, FOR_EVER_MS, 500] } },
  { back: 'after-its-successor', params: { ms: [FOR_EVER_MS, FOR_EVER_MS, 3_000], report: true } },
];

/** A worker frozen past its lease, its successor killed, and the frozen one back as a zombie. */
export const frozenWorker: Scenario = {
  name: 'frozen-worker',
  claim: 'a zombie disturbs neither its successor nor the one after that',
  run: async (round: Round) => {
    const rounds = round.choose({ short: 1, long: 4 });
    await withSystem({ workers: 0 }, async (system) => {
      const watch = TaskWatch.start(system.log);
      const load = new Load(system.api, round.dice.fork(), `c${round.seed}`);
      for (let at = 0; at < rounds; at++)
        await Promise.all(
          STORIES.map(({ back, params }) =>
            tell({ system, load, round, back, params, queue: `${back}-${at}` }),
          ),
        );
      await conclude(round, system, watch, load);
    });
  },
};

interface Story {
  system: System;
  load: Load;
  round: Round;
  back: string;
  params: AppendLine;
  /** Each story has its workers to itself. */
  queue: string;
}

async function tell({ system, load, round, back, params, queue }: Story): Promise<void> {
  const workers = await Promise.all([1, 2, 3].map(() => system.startWorker({ ...WORKER, queue })));
  const workerOf = ({ pid }: JournalLine) => workers.find((worker) => worker.pid === pid)!;
  const { taskId } = await load.submit({ params, queue });
  const wrote = (attempt: number, word: JournalWord): Promise<JournalLine> =>
    waitUntil(
      () => system.journal.of(taskId).find((line) => line.attempt === attempt && line.word === word),
      { timeoutMs: SOON_MS, every: 20, what: `the ${word} of attempt ${attempt} in ${queue}` },
    );
  // Nobody takes anything over in the quiet time after a connect.
  await sleep(WORKER.quietSeconds * 1000);
  const zombie = workerOf(await wrote(1, 'start'));
  zombie.freeze();
  const successor = workerOf(await wrote(2, 'start'));
  if (back !== 'after-its-successor') zombie.thaw();
  if (back === 'with-a-late-result') {
    await wrote(1, 'end');
    await zombie.slot.app.line('Attempt overtaken', SOON_MS);
    const { phase } = await system.log.read.task({ queue, task_id: taskId });
    round.expect(phase === 'running', `${queue}: the late result of a zombie made the task ${phase}`);
  }
  await sleep(round.dice.between(0, LEASE_SECONDS * 1000));
  await successor.kill();
  const killedAt = Date.now();
  const { at } = await wrote(3, 'start');
  round.note(`${queue}: attempt 3 began ${at - killedAt} ms after the second death`);
  round.expect(at - killedAt <= TAKEOVER_WITHIN_MS, `${queue}: no other worker for ${at - killedAt} ms`);
  if (back === 'after-its-successor') zombie.thaw();
  await wrote(3, 'end');
  // Unless it has ended by itself, it was told that it is of no use any more.
  if (back !== 'with-a-late-result') await wrote(1, 'told');
  await waitUntil(async () => (await system.api.status(taskId)).body.status === 'SUCCESS', {
    timeoutMs: SOON_MS,
    every: 50,
    what: `the end of the task in ${queue}`,
  });
  round.count('zombies');
  await Promise.all(workers.map((worker) => worker.slot.kill()));
}
