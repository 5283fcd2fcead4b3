import { waitUntil } from '@millrace/testing';
import type { Fact } from '@millrace/domain';
import type { Order } from '../../audit/orders.js';
import { TaskWatch } from '../../audit/task-watch.js';
import { withSystem } from '../../system/system.js';
import type { System } from '../../system/system.js';
import { Load } from '../load.js';
import { conclude } from '../scenario.js';
import type { Round, Scenario } from '../scenario.js';

const DRAIN_SECONDS = 2;
const GOES_ON_WITHIN_MS = 2_000;

/** SIGTERM of a worker in the middle of its tasks, again and again. */
export const drain: Scenario = {
  name: 'drain',
  claim: 'a worker that is told to stop finishes what is short and hands over the rest unharmed',
  run: async (round: Round) => {
    const { drains, tasks } = round.choose({
      short: { drains: 2, tasks: 30 },
      long: { drains: 10, tasks: 100 },
    });
    // A lease so long that whatever goes on within seconds was handed over, not lost.
    const worker = { leaseSeconds: 60, quietSeconds: 0, drainSeconds: DRAIN_SECONDS, concurrency: tasks * 2 };
    await withSystem({ workers: 1, worker }, async (system) => {
      const watch = TaskWatch.start(system.log);
      const load = new Load(system.api, round.dice.fork(), `c${round.seed}`);
      for (let at = 0; at < drains; at++) {
        const [old] = system.workers.splice(0, 1);
        const short = await load.submitAll(
          Array.from({ length: tasks }, () => ({ params: { ms: round.dice.between(300, 1_000) } })),
        );
        const long = await load.submitAll(
          Array.from({ length: tasks }, (_, index) => ({ params: { ms: 6_000, deaf: index % 3 === 0 } })),
        );
        await started(system, [...short, ...long]);
        await system.startWorker();
        const begun = performance.now();
        await old?.stop();
        round.count('drains');
        const seconds = (performance.now() - begun) / 1000;
        round.note(`the worker was gone after ${seconds.toFixed(1)} s`);
        round.expect(seconds < DRAIN_SECONDS + 4, `a worker took ${seconds.toFixed(1)} s to stop`);
      }
      await drainWithoutBroker(system, load, round);
      const histories = await conclude(round, system, watch, load);
      for (const facts of histories.values()) judge(facts, round);
      round.expect(round.figures['handed over']! > 0, 'no task was handed over');
    });
  },
};

/** A worker that cannot hand anything over must not wait for ever; its tasks are taken over, as after a death. */
async function drainWithoutBroker(system: System, load: Load, round: Round): Promise<void> {
  const settings = {
    leaseSeconds: 2,
    quietSeconds: 1,
    drainSeconds: 1,
    concurrency: 10,
    queue: 'left-alone',
  };
  const worker = await system.startWorker(settings);
  const orders = await load.submitAll(
    Array.from({ length: 10 }, (_, at) => ({
      params: { ms: at < 5 ? 1_000 : [60_000, 100] },
      queue: 'left-alone',
    })),
  );
  await started(system, orders);
  await system.nats.kill();
  system.deaths.died(worker.pid);
  const begun = performance.now();
  await worker.stop();
  const seconds = (performance.now() - begun) / 1000;
  round.note(`without a broker the worker was gone after ${seconds.toFixed(1)} s`);
  round.expect(seconds < 6, `without a broker a worker took ${seconds.toFixed(1)} s to stop`);
  await system.nats.restart();
  await system.startWorker(settings);
}

async function started(system: System, orders: Order[]): Promise<void> {
  const wanted = new Set(orders.map(({ taskId }) => taskId));
  const running = (): boolean =>
    system.journal.lines().filter((line) => line.word === 'start' && wanted.has(line.taskId)).length >=
    wanted.size;
  await waitUntil(running, { timeoutMs: 20_000, every: 20, what: 'the start of all tasks' });
}

function judge(facts: Fact[], round: Round): void {
  facts.forEach((fact, at) => {
    if (fact.kind !== 'yielded') return;
    round.count('handed over');
    const next = facts[at + 1];
    const waited = next ? Date.parse(next.at) - Date.parse(fact.at) : Infinity;
    round.expect(
      next?.kind === 'started' && waited <= GOES_ON_WITHIN_MS,
      `${fact.task_id} went on (${next?.kind}) only after ${waited} ms`,
    );
    round.expect(
      next?.kind === 'started' && next.data.lost === 0 && next.data.failed === 0,
      `${fact.task_id} was blamed for a drain`,
    );
  });
}
