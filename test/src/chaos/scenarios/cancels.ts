import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@millrace/testing';
import type { Order } from '../../audit/orders.js';
import { TaskWatch } from '../../audit/task-watch.js';
import type { JournalWord } from '../../system/journal.js';
import { withSystem } from '../../system/system.js';
import type { System } from '../../system/system.js';
import { TcpGate } from '../../system/tcp-gate.js';
import { Load } from '../load.js';
import type { Wish } from '../load.js';
import { conclude } from '../scenario.js';
import type { Round, Scenario } from '../scenario.js';

const STOPS_WITHIN_MS = 2_000;
const SLOTS = 200;
const LONG: Wish = { params: { ms: 120_000 } };
const DEAF: Wish = { params: { ms: 120_000, deaf: true } };

/** Cancels of tasks in every state: in the quiet case, and of silent handlers whose worker is away from the broker. */
export const cancels: Scenario = {
  name: 'cancels',
  claim: 'a cancel stops a handler that reports nothing, also over a reconnect of its worker',
  run: async (round: Round) => {
    const tasks = round.choose({ short: 20, long: 100 });
    await withSystem({ workers: 0 }, async (system) => {
      const gate = await TcpGate.before(system.nats.url);
      try {
        await system.startWorker({
          natsUrl: gate.url,
          leaseSeconds: 10,
          quietSeconds: 1,
          concurrency: SLOTS,
        });
        const watch = TaskWatch.start(system.log);
        const load = new Load(system.api, round.dice.fork(), `c${round.seed}`);
        const stories: Story = { system, load, round, gate };
        await quietly(stories);
        await whileCutOff(stories, tasks);
        await whileBrokerIsAway(stories, tasks);
        await conclude(round, system, watch, load);
      } finally {
        await gate.close();
      }
    });
  },
};

interface Story {
  system: System;
  load: Load;
  round: Round;
  gate: TcpGate;
}

/** Delayed, running, ended; and one that waits because all slots are taken. */
async function quietly({ system, load, round }: Story): Promise<void> {
  const [running, deaf, delayed, ended] = await load.submitAll([
    LONG,
    DEAF,
    { params: {}, delaySeconds: 60 },
    { params: {} },
  ]);
  const fillers = await load.submitAll(Array.from({ length: SLOTS - 2 }, () => ({ params: { ms: 3_000 } })));
  await waitUntil(() => started(system, [running!, deaf!, ended!, ...fillers]), { what: 'the start of all' });
  await waitUntil(async () => (await system.api.status(ended!.taskId)).body.status === 'SUCCESS');
  // Every slot is taken now.
  const waiting = await load.submit({ params: {}, priority: 0 });
  const began = Date.now();
  for (const [order, previous] of [
    [waiting, 'PENDING'],
    [delayed!, 'PENDING'],
    [running!, 'STARTED'],
    [deaf!, 'STARTED'],
  ] as const) {
    const { status, body } = (await load.cancel(order)) as { status: number; body: Record<string, string> };
    round.expect(status === 200, `the cancel of a ${previous} task was answered ${status}`);
    round.expect(body.previous_state === previous, `${previous} was told to be ${body.previous_state}`);
    const view = await system.api.status(order.taskId);
    round.expect(view.body.status === 'REVOKED', `a cancelled task is ${view.body.status}`);
  }
  await told(system, [running!, deaf!], began, round);
  const late = await system.api.cancel(ended!.taskId);
  round.expect(late.status === 400, `the cancel of a finished task was answered ${late.status}`);
}

/** Only the worker has lost the broker: the cancels are accepted at once, and it hears of them when it is back. */
async function whileCutOff({ system, load, round, gate }: Story, tasks: number): Promise<void> {
  const orders = await silent(system, load, tasks);
  gate.cut();
  await sleep(500);
  for (const order of orders) {
    const { status } = await load.cancel(order);
    round.expect(status === 200, `a cancel was answered ${status} while the worker was cut off`);
  }
  gate.mend();
  await told(system, orders, Date.now(), round);
}

/** Everybody has lost the broker: a cancel is asked again until it is accepted, while the worker finds its way back. */
async function whileBrokerIsAway({ system, load, round }: Story, tasks: number): Promise<void> {
  const orders = await silent(system, load, tasks);
  await system.nats.kill();
  const cancelling = orders.map(async (order) => {
    await waitUntil(async () => (await load.cancel(order)).status === 200, { timeoutMs: 30_000 });
    return Date.now();
  });
  await sleep(round.dice.between(300, 1500));
  await system.nats.restart();
  const accepted = Math.max(...(await Promise.all(cancelling)));
  await told(system, orders, accepted, round);
}

/** Handlers that run and say nothing; half of them do not even stop. */
async function silent(system: System, load: Load, tasks: number): Promise<Order[]> {
  const orders = await load.submitAll(Array.from({ length: tasks }, (_, at) => (at % 2 === 0 ? LONG : DEAF)));
  await waitUntil(() => started(system, orders), { timeoutMs: 20_000, what: 'the start of silent handlers' });
  return orders;
}

const started = (system: System, orders: Order[]): boolean => missing(system, orders, 'start').length === 0;

function missing(system: System, orders: Order[], word: JournalWord): Order[] {
  const noted = new Set(
    system.journal
      .lines()
      .filter((line) => line.word === word)
      .map(({ taskId }) => taskId),
  );
  return orders.filter(({ taskId }) => !noted.has(taskId));
}

/** Every handler's signal aborts within the time that users are promised. */
async function told(system: System, orders: Order[], since: number, round: Round): Promise<void> {
  await waitUntil(() => missing(system, orders, 'told').length === 0, {
    timeoutMs: 10_000,
    what: 'the abort of all signals',
  });
  const ids = new Set(orders.map(({ taskId }) => taskId));
  const lines = system.journal.lines().filter((line) => line.word === 'told' && ids.has(line.taskId));
  const latest = Math.max(...lines.map((line) => line.at)) - since;
  round.expect(latest <= STOPS_WITHIN_MS, `a handler heard of its cancel only after ${latest} ms`);
  round.count('stopped', orders.length);
}
