import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_POLICY, NO_TASK, decide, isLimited } from '@millrace/domain';
import type { Fact, QueueLimits, TaskSpec } from '@millrace/domain';
import { slotsOfKey, slotsOfQueue, streams, subjects, settlePause } from '@millrace/log';
import type { SlotRecord, TaskLog } from '@millrace/log';
import { LimitQueries, TaskQueries, openDatabase } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import { createLogger } from '@millrace/runtime';
import {
  aSubmission,
  openTestLog,
  shareTestPostgres,
  spawnApp,
  startTestNats,
  waitUntil,
} from '@millrace/testing';
import { TaskWorker, createHandler } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';
import { Limits } from './limits.js';

const PROJECTOR = new URL('../../../projector/dist/main.js', import.meta.url);
const logger = createLogger({ app: 'test', level: 'fatal', format: 'json' });
const QUICK_RETRY = { ...DEFAULT_RETRY_POLICY, delay_seconds: 0.05, jitter: false };
const ends: (() => Promise<unknown>)[] = [];
let natsUrl: string;
let log: TaskLog;
let database: Database;

beforeAll(async () => {
  const [nats, postgres] = await Promise.all([startTestNats(), shareTestPostgres()]);
  natsUrl = nats.url;
  const databaseUrl = await postgres.freshDatabase();
  log = await openTestLog(natsUrl);
  database = openDatabase(databaseUrl);
  const projector = spawnApp(PROJECTOR, { NATS_URL: natsUrl, DATABASE_URL: databaseUrl });
  ends.push(
    () => log.close(),
    () => database.close(),
    () => projector.kill(),
    nats.stop,
    postgres.stop,
  );
  await waitUntil(() => database.isHealthy());
});

let stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops) await stop();
  stops = [];
});
afterAll(async () => {
  for (const end of ends) await end();
});

let queues = 0;
/** A queue of the test's own. */
async function aQueue(limits?: QueueLimits): Promise<string> {
  const queue = `q${++queues}`;
  await log.provisionQueue(queue, 'test');
  if (limits) await setLimits(queue, limits);
  return queue;
}

async function setLimits(queue: string, limits: QueueLimits): Promise<void> {
  const entry = await log.buckets.queues.get(queue);
  const written =
    entry && (await log.buckets.queues.update(queue, { ...entry.value, settings: limits }, entry.revision));
  expect(written).toBeDefined();
}

/** Its lease is not asked for: what keeps two leaders apart must not rest on it. */
async function aLeader(checkEveryMs = 60_000): Promise<void> {
  const own = await openTestLog(natsUrl);
  const tables = new LimitQueries(database);
  const limits = new Limits({ log: own, tables, logger, lease: { isHeld: true }, checkEveryMs }).start();
  stops.push(
    () => limits.stop(),
    () => own.close(),
  );
}

async function aWorker(
  queue: string,
  concurrency: number,
  run: (context: TaskContext) => unknown,
): Promise<void> {
  const render = createHandler({ name: 'render', queue }, (context) => Promise.resolve(context).then(run));
  const worker = new TaskWorker(new Map([['render', render]]), {
    natsUrl,
    logger,
    concurrency,
    queues: [queue],
    drainSeconds: 0.1,
    quietMs: 0,
  });
  await worker.start();
  stops.unshift(() => worker.stop());
}

/** As the gateway does: a task that the limits apply to waits from the beginning. */
async function submit(queue: string, limits?: QueueLimits, spec: Partial<TaskSpec> = {}): Promise<Fact> {
  const limited = isLimited(limits, spec.concurrency_key);
  const event = decide({ ...aSubmission({ retry: QUICK_RETRY, ...spec }), limited }, NO_TASK, {
    now: Date.now(),
    random: 0,
  })!;
  return log.append({ queue, task_id: crypto.randomUUID() }, 0, event, { actor: 'test' });
}

const many = <T>(count: number, make: (at: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => make(at)));

/** Resolves when so many have ended, with the facts of the queue in their order. */
async function untilEnded(queue: string, count: number): Promise<Pick<Fact, 'kind' | 'task_id'>[]> {
  const facts: { kind: Fact['kind']; task_id: string }[] = [];
  const follower = log.follow({
    stream: streams.tasks.name,
    from: 1,
    filters: [subjects.factsOfQueue(queue)],
    onMessages: (messages) => {
      for (const { subject } of messages) {
        const [, , kind, task_id] = subject.split('.');
        facts.push({ kind: kind as Fact['kind'], task_id: task_id ?? '' });
      }
    },
  });
  const ended = (): number => facts.filter(({ kind }) => kind === 'succeeded').length;
  await waitUntil(() => ended() >= count, {
    timeoutMs: 30_000,
    what: `${count} tasks of ${queue} to end`,
  }).catch((error: unknown) => {
    throw new Error(`Only ${ended()} ended, the last facts: ${JSON.stringify(facts.slice(-20))}`, {
      cause: error,
    });
  });
  await follower.stop();
  return facts;
}

/** The most tasks at once, by the log. */
function mostAtOnce(
  facts: readonly Pick<Fact, 'kind' | 'task_id'>[],
  of: (id: string) => boolean = () => true,
): number {
  const running = new Set<string>();
  let most = 0;
  for (const { kind, task_id } of facts) {
    if (!of(task_id)) continue;
    if (kind === 'started') running.add(task_id);
    else if (kind !== 'progress') running.delete(task_id);
    most = Math.max(most, running.size);
  }
  return most;
}

const slots = async (name: string): Promise<SlotRecord | undefined> =>
  (await log.buckets.slots.get(name))?.value;
const projected = (sequence: number): Promise<unknown> =>
  waitUntil(async () => (await new TaskQueries(database).projection()).sequence >= sequence);
const tick = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

describe('a limit of concurrency', () => {
  it('of a queue is never exceeded, over two workers, and no slot is left when all is done', async () => {
    const limits = { concurrency: 3 };
    const queue = await aQueue(limits);
    await aLeader();
    await aWorker(queue, 10, tick);
    await aWorker(queue, 10, tick);
    await many(60, () => submit(queue, limits));
    expect(mostAtOnce(await untilEnded(queue, 60))).toBe(3);
    await waitUntil(async () => JSON.stringify(await slots(slotsOfQueue(queue))) === '{}');
  });

  it('of a key and of its queue hold together', async () => {
    const limits = { concurrency: 5, key_concurrency: 2 };
    const queue = await aQueue(limits);
    await aLeader();
    await aWorker(queue, 20, tick);
    const keys = new Map<string, string>();
    await many(80, async (at) => {
      const concurrency_key = `tenant/${at % 4}`;
      keys.set((await submit(queue, limits, { concurrency_key })).task_id, concurrency_key);
    });
    const facts = await untilEnded(queue, 80);
    expect(mostAtOnce(facts)).toBeLessThanOrEqual(5);
    for (const key of new Set(keys.values()))
      expect(mostAtOnce(facts, (id) => keys.get(id) === key)).toBeLessThanOrEqual(2);
  });

  it('holds with two leaders at once, and both go on', async () => {
    const limits = { concurrency: 2, key_concurrency: 1 };
    const queue = await aQueue(limits);
    await aLeader();
    await aLeader();
    await aWorker(queue, 10, tick);
    const keys = new Map<string, string>();
    await many(60, async (at) => {
      const concurrency_key = `k${at % 3}`;
      keys.set((await submit(queue, limits, { concurrency_key })).task_id, concurrency_key);
    });
    const facts = await untilEnded(queue, 60);
    expect(mostAtOnce(facts)).toBeLessThanOrEqual(2);
    for (const key of ['k0', 'k1', 'k2']) expect(mostAtOnce(facts, (id) => keys.get(id) === key)).toBe(1);
    expect(facts.filter(({ kind }) => kind === 'started')).toHaveLength(60);
  });

  it('is waited for again by a retry', async () => {
    const limits = { concurrency: 1 };
    const queue = await aQueue(limits);
    await aLeader();
    await aWorker(queue, 10, async (context) => {
      await tick();
      if (context.attempt === 1) throw new Error('once more');
    });
    await many(5, () => submit(queue, limits));
    const facts = await untilEnded(queue, 5);
    expect(mostAtOnce(facts)).toBe(1);
    expect(facts.filter(({ kind }) => kind === 'started')).toHaveLength(10);
    expect(facts.filter(({ kind }) => kind === 'held')).toHaveLength(10);
  });

  it('applies to tasks that waited before it came, and lets all go once it is gone', async () => {
    const queue = await aQueue();
    await many(30, () => submit(queue));
    await setLimits(queue, { concurrency: 1 });
    await aLeader();
    let isOpen: () => void = () => undefined;
    const gate = new Promise<void>((open) => (isOpen = open));
    let running = 0;
    let most = 0;
    await aWorker(queue, 10, async () => {
      most = Math.max(most, ++running);
      await gate;
      running--;
    });
    await waitUntil(async () => (await slots(slotsOfQueue(queue)))?.queue !== undefined);
    await waitUntil(() => running === 1);
    expect(most).toBe(1);
    await setLimits(queue, {});
    await waitUntil(() => running === 10);
    isOpen();
    await untilEnded(queue, 30);
  });

  it('holds nothing back while nobody is limited, and nothing starts while the queue is paused', async () => {
    const limits = { concurrency: 4 };
    const queue = await aQueue(limits);
    const entry = (await log.buckets.queues.get(queue))!;
    const paused = { at: new Date().toISOString(), actor: 'test' };
    await log.buckets.queues.update(queue, { ...entry.value, paused }, entry.revision);
    await aLeader();
    await aWorker(queue, 4, tick);
    const { task_id, sequence } = await submit(queue, limits);
    const other = await aQueue(limits);
    await aWorker(other, 4, tick);
    await submit(other, limits);
    await untilEnded(other, 1);
    expect((await log.read.lastFact({ queue, task_id }))?.sequence).toBe(sequence);
    const held = (await log.buckets.queues.get(queue))!;
    const announce = { verb: 'resumed', at: new Date().toISOString(), actor: 'test' } as const;
    await log.buckets.queues.update(queue, { ...entry.value, announce }, held.revision);
    await settlePause(log, queue);
    await untilEnded(queue, 1);
  });
});

describe('a leader that died', () => {
  it('after it had written down whom it gives a slot leaves the slot to that task', async () => {
    const limits = { concurrency: 1 };
    const queue = await aQueue(limits);
    const first = await submit(queue, limits);
    const second = await submit(queue, limits);
    await log.buckets.slots.put(slotsOfQueue(queue), {
      queue: { holders: { [second.task_id]: second.sequence } },
    });
    await projected(second.sequence);
    await aLeader();
    await waitUntil(async () => (await log.read.lastFact(second))?.kind === 'p5');
    expect((await log.read.lastFact(first))?.kind).toBe('held');
    await aWorker(queue, 2, tick);
    expect(mostAtOnce(await untilEnded(queue, 2))).toBe(1);
  });

  it('before it had done so for the queue, and after it for the key, has given nothing', async () => {
    const limits = { concurrency: 1, key_concurrency: 1 };
    const queue = await aQueue(limits);
    const first = await submit(queue, limits, { concurrency_key: 'a' });
    const second = await submit(queue, limits, { concurrency_key: 'b' });
    const holders = { [second.task_id]: second.sequence };
    await log.buckets.slots.put(slotsOfKey(queue, 'b'), { keys: { b: { holders } } });
    await aLeader();
    await waitUntil(async () => (await log.read.lastFact(first))?.kind === 'p5');
    expect((await log.read.lastFact(second))?.kind).toBe('held');
    await aWorker(queue, 2, tick);
    expect(mostAtOnce(await untilEnded(queue, 2))).toBe(1);
  });
});

describe('a rate', () => {
  it('is never exceeded in any span of its period, nor by two leaders', async () => {
    const limits = { rate_limit: { limit: 5, period_seconds: 0.5 } };
    const queue = await aQueue(limits);
    await aLeader();
    await aLeader();
    const starts: number[] = [];
    await aWorker(queue, 10, () => {
      starts.push(performance.now());
    });
    await many(20, () => submit(queue, limits));
    await untilEnded(queue, 20);
    for (const from of starts)
      expect(starts.filter((at) => at >= from && at < from + 500).length).toBeLessThanOrEqual(5);
    expect(starts.at(-1)! - starts[0]!).toBeLessThan(4_000);
  });
});

describe('a fair queue', () => {
  it('lets a new key start within two tasks, whatever waits before it', async () => {
    const limits = { fair: true };
    const queue = await aQueue(limits);
    await many(500, () => submit(queue, limits, { concurrency_key: 'big' }));
    const started: string[] = [];
    let isNew: string | undefined;
    let before = 0;
    await aLeader();
    await aWorker(queue, 2, async (context) => {
      started.push(context.taskId);
      if (started.length === 20) {
        isNew = (await submit(queue, limits, { concurrency_key: 'small' })).task_id;
        before = started.length;
      }
      await new Promise((done) => setTimeout(done, 20));
    });
    await waitUntil(() => isNew !== undefined && started.includes(isNew));
    expect(started.indexOf(isNew!) - before).toBeLessThanOrEqual(4);
  });
});

describe('the check of slots', () => {
  it('finds a slot record that somebody else has changed, tells it, and goes on', async () => {
    const limits = { concurrency: 1 };
    const queue = await aQueue(limits);
    const notes: { queue: string; what: string }[] = [];
    const follower = log.follow({
      stream: streams.ops.name,
      from: 1,
      filters: [subjects.op('slots', 'corrected')],
      onMessages: (messages) => {
        for (const { payload } of messages) notes.push(JSON.parse(payload) as (typeof notes)[number]);
      },
    });
    await aLeader(50);
    await aWorker(queue, 2, tick);
    await submit(queue, limits);
    await untilEnded(queue, 1);
    await waitUntil(async () => JSON.stringify(await slots(slotsOfQueue(queue))) === '{}');
    expect(notes.filter((note) => note.queue === queue)).toEqual([]);
    await log.buckets.slots.put(slotsOfQueue(queue), { queue: { holders: { nobody: 1 } } });
    await waitUntil(() => notes.some((note) => note.queue === queue));
    await submit(queue, limits);
    await untilEnded(queue, 2);
    await follower.stop();
  });
});
