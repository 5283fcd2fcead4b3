import { setTimeout as sleep } from 'node:timers/promises';
import type { QueueSettings } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import { limitsInHandlers, limitsInLog, longestStandstill } from '../../audit/limit-rules.js';
import type { LimitsSeen } from '../../audit/limit-rules.js';
import { TaskWatch } from '../../audit/task-watch.js';
import type { AppSlot } from '../../system/app-slot.js';
import { CHAOS_QUEUE } from '../../system/chaos-handlers.js';
import { withSystem } from '../../system/system.js';
import type { System } from '../../system/system.js';
import type { Dice } from '../dice.js';
import { Load } from '../load.js';
import type { Wish } from '../load.js';
import { conclude } from '../scenario.js';
import type { Round, Scenario } from '../scenario.js';

const KEYS = 10;
const CONCURRENCY = 16;
const KEY_CONCURRENCY = 3;
const SETTINGS: QueueSettings = { concurrency: CONCURRENCY, key_concurrency: KEY_CONCURRENCY, fair: true };
/** More than may run, so that the limits and not the workers hold the tasks back. */
const UNFINISHED = 80;
/** A leader is followed by the other one within 5 s; the machine is busy, in the suite with a second scenario. */
const STANDSTILL_AT_MOST_MS = { short: 10_000, long: 8_000 };
const WORKER = { leaseSeconds: 5, quietSeconds: 1, concurrency: 20 };
const PROOF_MS = 1_500;
const PROOF_WITHIN_MS = 20_000;

/** Two schedulers, of which one after the other is killed, or frozen and thawed, while limited tasks run all the time. */
export const schedulersLost: Scenario = {
  name: 'schedulers-lost',
  claim: 'limits are never exceeded and no slot is lost, whatever becomes of the schedulers',
  run: async (round: Round) => {
    const forMs = round.choose({ short: 15_000, long: 120_000 });
    await withSystem({ workers: 2, worker: WORKER }, async (system) => {
      await limit(system);
      const schedulers = [system.scheduler, system.startAnother('scheduler', EAGER)];
      const watch = TaskWatch.start(system.log);
      const keys = new Map<string, string>();
      const load = new Load(system.api, round.dice.fork(), `c${round.seed}`, keys);
      const stop = new AbortController();
      const feeding = load.feed(watch, UNFINISHED, limited, stop.signal);
      feeding.catch(() => undefined);
      try {
        await Promise.race([harm(round, schedulers, forMs), feeding]);
      } finally {
        stop.abort();
      }
      await feeding;
      await load.quiet();
      const proof = await fillEverySlot(round, watch, load);
      const histories = await conclude(round, system, watch, load);
      const limits = {
        concurrency: CONCURRENCY,
        keyConcurrency: KEY_CONCURRENCY,
        keyOf: (taskId: string) => keys.get(taskId),
      };
      tell(round, 'log', limitsInLog(histories, limits));
      tell(round, 'handlers', limitsInHandlers(system.journal.lines(), histories, limits));
      const standstill = longestStandstill(histories);
      round.count('standstill_ms', standstill);
      round.expect(standstill <= round.choose(STANDSTILL_AT_MOST_MS), `nothing started for ${standstill} ms`);
      const together = mostAtOnce(system, proof);
      round.expect(
        together === CONCURRENCY,
        `only ${together} of ${CONCURRENCY} slots could be filled at the end`,
      );
      await expectNoHolders(round, system);
    });
  },
};

/** Looks eagerly for what needs no repair, as the first one does. */
const EAGER = { MILLRACE_SWEEP_SECONDS: '2', MILLRACE_QUIET_SECONDS: '2' };

async function limit({ log }: System): Promise<void> {
  const record = await log.buckets.queues.get(CHAOS_QUEUE);
  if (!record) throw new Error(`The queue ${CHAOS_QUEUE} is not defined.`);
  await log.buckets.queues.update(CHAOS_QUEUE, { ...record.value, settings: SETTINGS }, record.revision);
}

async function harm(round: Round, schedulers: readonly AppSlot[], forMs: number): Promise<void> {
  const { dice } = round;
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    await sleep(dice.between(2_500, 5_000));
    const victim = dice.pick(schedulers);
    if (dice.chance(0.5)) {
      await victim.kill();
      victim.start();
      round.count('kills');
      round.note('killed a scheduler');
    } else {
      const ms = dice.between(1_000, 8_000);
      victim.app.signal('SIGSTOP');
      await sleep(ms);
      victim.app.signal('SIGCONT');
      round.count('freezes');
      round.note(`froze a scheduler for ${ms} ms`);
    }
  }
}

function limited(dice: Dice): Wish {
  const wish: Wish = { params: { ms: dice.between(20, 400) }, key: `k${dice.between(1, KEYS)}` };
  if (dice.chance(0.15)) wish.params.fail = dice.between(1, 2);
  if (dice.chance(0.1)) wish.delaySeconds = dice.between(1, 30) / 10;
  if (dice.chance(0.3)) wish.priority = dice.between(0, 10);
  if (dice.chance(0.08)) wish.cancelAfterMs = dice.between(0, 3000);
  return wish;
}

/** Once nothing else is there, as many tasks as there are slots must be able to run together. */
async function fillEverySlot(round: Round, watch: TaskWatch, load: Load): Promise<string[]> {
  await waitUntil(() => watch.open === 0, { timeoutMs: 60_000, every: 50, what: 'the end of all tasks' });
  round.note('filling every slot');
  const orders = await load.submitAll(
    Array.from({ length: CONCURRENCY }, (_, at) => ({
      params: { ms: PROOF_MS },
      key: `k${(at % KEYS) + 1}`,
    })),
  );
  return orders.map(({ taskId }) => taskId);
}

function mostAtOnce(system: System, taskIds: readonly string[]): number {
  const wanted = new Set(taskIds);
  const lines = system.journal.lines().filter(({ taskId }) => wanted.has(taskId));
  let running = 0;
  let most = 0;
  for (const { word } of lines) {
    running += word === 'start' ? 1 : -1;
    most = Math.max(most, running);
  }
  return most;
}

/** What is freed late is freed all the same. */
async function expectNoHolders(round: Round, { log }: System): Promise<void> {
  const held = async (): Promise<number> => {
    const records = await log.buckets.slots.entries();
    const used = records.flatMap(({ value: { queue, keys = {} } }) => [
      ...(queue ? [queue] : []),
      ...Object.values(keys),
    ]);
    return used.reduce((sum, { holders }) => sum + Object.keys(holders).length, 0);
  };
  try {
    await waitUntil(async () => (await held()) === 0, {
      timeoutMs: PROOF_WITHIN_MS,
      every: 100,
      what: 'free slots',
    });
  } catch {
    round.faults.push(`${await held()} slots are still held although nothing runs`);
  }
}

function tell(round: Round, where: string, { most, mostOfKey, faults }: LimitsSeen): void {
  round.count(`most_in_${where}`, most);
  round.count(`most_of_key_in_${where}`, mostOfKey);
  round.faults.push(...faults);
}
