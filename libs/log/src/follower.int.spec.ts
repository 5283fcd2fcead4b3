import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogWentBackError } from './errors.js';
import type { Follower, FollowOptions } from './follower.js';
import type { StoredMessage } from './requests.js';
import type { TaskLog } from './task-log.js';
import { Broker } from './testing/broker.js';
import { BY_TEST, CARD, cancelled, newTask, started, submit } from './testing/tasks.js';
import { waitUntil } from './testing/wait-until.js';

let broker: Broker;
let log: TaskLog;
let writer: TaskLog;
beforeAll(async () => {
  broker = await Broker.start();
  [log, writer] = await Promise.all([broker.open(), broker.open()]);
});
afterAll(() => broker.stop());

let queues = 0;
const freshQueue = (): string => `followed${++queues}`;

function follow(options: Partial<FollowOptions> & { filters: string[] }): {
  follower: Follower;
  seen: StoredMessage[];
} {
  const seen: StoredMessage[] = [];
  const follower = log.follow({
    stream: 'TASKS',
    from: 1,
    onMessages: (messages) => {
      seen.push(...messages);
    },
    ...options,
  });
  return { follower, seen };
}

const sequences = (messages: { sequence: number }[]): number[] => messages.map(({ sequence }) => sequence);

/** Submits so many tasks and resolves with their sequences in the order of the log. */
async function submitMany(queue: string, count: number): Promise<number[]> {
  const facts = await Promise.all(Array.from({ length: count }, () => submit(writer, newTask(queue))));
  return sequences(facts).sort((a, b) => a - b);
}

describe('a follower', () => {
  it('hands on what was stored before and what comes, in the order of the log', async () => {
    const queue = freshQueue();
    const before = await submitMany(queue, 2_500);
    const { follower, seen } = follow({ filters: [`tasks.${queue}.>`] });
    const after = await submitMany(queue, 500);
    await waitUntil(() => seen.length === 3_000);
    expect(sequences(seen)).toEqual([...before, ...after]);
    expect(follower.next).toBe(after.at(-1)! + 1);
    expect(seen[0]).toEqual(await log.read.messageAt(before[0]!));
    await follower.stop();
  });

  it('begins at the sequence it is told', async () => {
    const queue = freshQueue();
    const stored = await submitMany(queue, 10);
    const { follower, seen } = follow({ filters: [`tasks.${queue}.>`], from: stored[7]! });
    await waitUntil(() => seen.length === 3);
    expect(sequences(seen)).toEqual(stored.slice(7));
    await follower.stop();
  });

  it('hands on only what matches one of its filters', async () => {
    const queue = freshQueue();
    const { follower, seen } = follow({ filters: [`tasks.${queue}.cancelled.*`, `asks.${queue}.>`] });
    const ref = newTask(queue);
    const ticket = await submit(log, ref);
    const claim = await log.append(ref, ticket.sequence, started(ticket.sequence), BY_TEST);
    const ask = await log.ask(ref, 'stop', {});
    const end = await log.append(ref, claim.sequence, cancelled(), BY_TEST);
    await waitUntil(() => seen.length === 2);
    expect(seen.map(({ subject, sequence }) => [subject, sequence])).toEqual([
      [`asks.${queue}.stop.${ref.task_id}`, ask],
      [`tasks.${queue}.cancelled.${ref.task_id}`, end.sequence],
    ]);
    await follower.stop();
  });

  it('waits for the end of one call before the next, and holds no more than it asked for', async () => {
    const queue = freshQueue();
    await submitMany(queue, 1_000);
    const batches: number[] = [];
    let running = 0;
    let letGo: () => void = () => undefined;
    const gate = new Promise<void>((open) => (letGo = open));
    const { follower } = follow({
      filters: [`tasks.${queue}.>`],
      batch: 50,
      onMessages: async (messages) => {
        expect(++running).toBe(1);
        batches.push(messages.length);
        await gate;
        running--;
      },
    });
    await waitUntil(() => batches.length === 1);
    await new Promise((go) => setTimeout(go, 200));
    expect(batches).toHaveLength(1);
    expect(follower.pending).toBeGreaterThanOrEqual(900);
    letGo();
    await waitUntil(() => batches.reduce((sum, batch) => sum + batch, 0) === 1_000);
    expect(Math.max(...batches)).toBeLessThanOrEqual(100);
    expect(follower.pending).toBe(0);
    await follower.stop();
  });

  it('takes long messages in portions that the connection can bear', async () => {
    const queue = freshQueue();
    const long = { ...CARD, parameters: 'x'.repeat(500_000), reason: 'submitted' as const };
    const write = (): Promise<{ sequence: number }> =>
      writer.append(newTask(queue), 0, { kind: 'p5', data: long }, BY_TEST);
    const stored = sequences(await Promise.all(Array.from({ length: 60 }, write))).sort((a, b) => a - b);
    let reconnects = 0;
    const end = log.on('reconnected', () => reconnects++);
    const { follower, seen } = follow({ filters: [`tasks.${queue}.>`] });
    await waitUntil(() => seen.length === 60);
    expect(sequences(seen)).toEqual(stored);
    expect(reconnects).toBe(0);
    end();
    await follower.stop();
  });

  it('tells once that it has caught up, also with an empty stream', async () => {
    const queue = freshQueue();
    await submitMany(queue, 300);
    let told = 0;
    const { follower, seen } = follow({ filters: [`tasks.${queue}.>`], batch: 50, onCaughtUp: () => told++ });
    await waitUntil(() => told === 1);
    expect(seen).toHaveLength(300);
    await submitMany(queue, 1);
    await waitUntil(() => seen.length === 301);
    expect(told).toBe(1);
    await follower.stop();
    const empty = follow({ filters: [`tasks.${freshQueue()}.>`], onCaughtUp: () => told++ });
    await waitUntil(() => told === 2);
    await empty.follower.stop();
  });

  it('hands on again what its callback failed on, and nothing else', async () => {
    const queue = freshQueue();
    const stored = await submitMany(queue, 100);
    const seen: StoredMessage[] = [];
    const errors: unknown[] = [];
    const { follower } = follow({
      filters: [`tasks.${queue}.>`],
      batch: 20,
      onMessages: (messages) => {
        if (seen.length > 30 && errors.length < 2) throw new Error('Postgres is away');
        seen.push(...messages);
      },
      onError: (error) => errors.push(error),
    });
    await waitUntil(() => seen.length === 100);
    expect(sequences(seen)).toEqual(stored);
    expect(errors).toEqual([new Error('Postgres is away'), new Error('Postgres is away')]);
    await follower.stop();
  });

  it('ends after the batch in hand when it is stopped, and can be followed on from there', async () => {
    const queue = freshQueue();
    const stored = await submitMany(queue, 1_000);
    const seen: StoredMessage[] = [];
    const { follower } = follow({
      filters: [`tasks.${queue}.>`],
      batch: 100,
      onMessages: async (messages) => {
        await new Promise((go) => setTimeout(go, 5));
        seen.push(...messages);
      },
    });
    await waitUntil(() => seen.length > 200);
    await follower.stop();
    await follower.stop();
    const stoppedAt = seen.length;
    expect(stoppedAt).toBeLessThan(1_000);
    await new Promise((go) => setTimeout(go, 50));
    expect(seen).toHaveLength(stoppedAt);
    const rest = follow({ filters: [`tasks.${queue}.>`], from: follower.next });
    await waitUntil(() => rest.seen.length + stoppedAt >= 1_000);
    expect(sequences([...seen, ...rest.seen])).toEqual(stored);
    await rest.follower.stop();
  });

  it('leaves no consumer behind', async () => {
    const { follower, seen } = follow({ filters: ['tasks.>'] });
    await waitUntil(() => seen.length > 0);
    await follower.stop();
    const nats = await broker.stranger();
    await waitUntil(async () => {
      const answer = await nats.request('$JS.API.CONSUMER.NAMES.TASKS');
      return !answer.string().includes('follow_');
    });
  });

  it('misses nothing and doubles nothing while the broker is killed again and again under load', async () => {
    const queue = freshQueue();
    const { follower, seen } = follow({ filters: [`tasks.${queue}.>`], batch: 200 });
    const slow = follow({
      filters: [`tasks.${queue}.>`],
      batch: 50,
      onMessages: async (messages) => {
        await new Promise((go) => setTimeout(go, 2));
        slow.seen.push(...messages);
      },
    });
    let stopped = false;
    const written: number[] = [];
    const writers = Array.from({ length: 20 }, async () => {
      while (!stopped) written.push((await submit(writer, newTask(queue))).sequence);
    });
    for (let kill = 0; kill < 5; kill++) {
      await new Promise((go) => setTimeout(go, 100 + Math.random() * 200));
      await broker.crash();
    }
    stopped = true;
    await Promise.all(writers);
    written.sort((a, b) => a - b);
    await waitUntil(() => seen.length >= written.length && slow.seen.length >= written.length, 20_000);
    expect(sequences(seen)).toEqual(written);
    expect(sequences(slow.seen)).toEqual(written);
    await Promise.all([follower.stop(), slow.follower.stop()]);
  }, 60_000);

  it('goes on within a second after a crash', async () => {
    const queue = freshQueue();
    const { follower, seen } = follow({ filters: [`tasks.${queue}.>`] });
    await broker.crash();
    const back = performance.now();
    await submit(writer, newTask(queue));
    await waitUntil(() => seen.length === 1);
    expect(performance.now() - back).toBeLessThan(1_000);
    await follower.stop();
  });

  it('tells when the log went back, and goes on at its end', async () => {
    const [stored] = await submitMany(freshQueue(), 1);
    const queue = freshQueue();
    const errors: unknown[] = [];
    const { follower, seen } = follow({
      filters: [`tasks.${queue}.>`],
      from: stored! + 1_000,
      onError: (error) => errors.push(error),
    });
    await waitUntil(() => errors.length === 1);
    expect(errors[0]).toEqual(new LogWentBackError(stored! + 1_000, stored!));
    const [next] = await submitMany(queue, 1);
    await waitUntil(() => seen.length === 1);
    expect(sequences(seen)).toEqual([next]);
    expect(errors).toHaveLength(1);
    await follower.stop();
  });

  it('goes on when somebody deletes its consumer', async () => {
    const queue = freshQueue();
    const { follower, seen } = follow({ filters: [`tasks.${queue}.>`] });
    const nats = await broker.stranger();
    const first = await submitMany(queue, 10);
    await waitUntil(() => seen.length === 10);
    const names = (await nats.request('$JS.API.CONSUMER.NAMES.TASKS')).json<{ consumers: string[] }>();
    for (const name of names.consumers) await nats.request(`$JS.API.CONSUMER.DELETE.TASKS.${name}`);
    const second = await submitMany(queue, 10);
    await waitUntil(() => seen.length === 20);
    expect(sequences(seen)).toEqual([...first, ...second]);
    await follower.stop();
  });
});
