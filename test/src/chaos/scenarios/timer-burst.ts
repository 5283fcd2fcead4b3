import { setTimeout as sleep } from 'node:timers/promises';
import { TaskWatch } from '../../audit/task-watch.js';
import type { Order } from '../../audit/orders.js';
import { withSystem } from '../../system/system.js';
import type { System } from '../../system/system.js';
import { Load } from '../load.js';
import { conclude } from '../scenario.js';
import type { Round, Scenario } from '../scenario.js';

const BULK = 500;
const CANCELLERS = 16;

/** Cancels, and `kill -9` of nats-server, while very many timers are due at one instant. */
export const timerBurst: Scenario = {
  name: 'timer-burst',
  claim: 'no cancelled task starts out of a burst of timers, and no other is lost or runs twice',
  run: async (round: Round) => {
    const { tasks, kills, leadMs } = round.choose({
      short: { tasks: 2_000, kills: 2, leadMs: 5_000 },
      long: { tasks: 20_000, kills: 4, leadMs: 30_000 },
    });
    const { dice } = round;
    // Slow enough that cancels meet tasks whose timer has fired and which nobody has claimed yet.
    const worker = { leaseSeconds: 3, quietSeconds: 2, concurrency: 40 };
    await withSystem({ workers: 2, worker }, async (system) => {
      const watch = TaskWatch.start(system.log);
      const load = new Load(system.api, dice.fork(), `c${round.seed}`);
      const dueAt = Date.now() + leadMs;
      for (let done = 0; done < tasks; done += BULK)
        await load.submitAll(
          Array.from({ length: BULK }, () => ({ params: { ms: dice.between(0, 200) }, eta: dueAt })),
        );
      round.expect(Date.now() < dueAt, 'the timers were due before all of them were armed');
      const condemned = load.orders.filter(() => dice.chance(0.2));
      await sleep(Math.max(0, dueAt - 300 - Date.now()));
      await Promise.all([cancelAll(load, condemned), killBroker(system, round, dueAt, kills)]);
      await conclude(round, system, watch, load);
      round.expect(round.figures.cancelled! > 0, 'no cancel met a task that waited');
      round.expect(round.figures.takeovers === 0, `${round.figures.takeovers} living workers were robbed`);
    });
  },
};

async function cancelAll(load: Load, orders: Order[]): Promise<void> {
  const left = [...orders];
  const lane = async (): Promise<void> => {
    for (let order = left.shift(); order; order = left.shift()) await load.cancel(order);
  };
  await Promise.all(Array.from({ length: CANCELLERS }, lane));
}

async function killBroker(system: System, round: Round, dueAt: number, kills: number): Promise<void> {
  await sleep(Math.max(0, dueAt + round.dice.between(-20, 150) - Date.now()));
  for (let kill = 1; kill <= kills; kill++) {
    await system.nats.kill();
    await system.nats.restart();
    round.count('kills');
    round.note(`killed the broker ${Date.now() - dueAt} ms after the instant`);
    await sleep(round.dice.between(0, 600));
  }
}
