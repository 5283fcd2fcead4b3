import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { QueueRecord, WorkerRecord } from './bucket-records.js';
import { BadBodyError, LogUnavailableError } from './errors.js';
import type { TaskLog } from './task-log.js';
import { Broker } from './testing/broker.js';
import { waitUntil } from './testing/wait-until.js';

let broker: Broker;
let log: TaskLog;
let other: TaskLog;
beforeAll(async () => {
  broker = await Broker.start();
  [log, other] = await Promise.all([broker.open(), broker.open()]);
});
afterAll(() => broker.stop());

let keys = 0;
const freshKey = (): string => `key${++keys}`;
const record = (name: string): QueueRecord => ({ name, defined_by: 'test' });

describe('a bucket', () => {
  it('gives a key to exactly one of many creators', async () => {
    const key = freshKey();
    const created = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? log : other).buckets.queues.create(key, record(`by-${i}`)),
      ),
    );
    expect(created.filter(Boolean)).toHaveLength(1);
    expect((await log.buckets.queues.get(key))?.value.name).toBe(`by-${created.indexOf(true)}`);
  });

  it('takes an update of the revision that was read, and no other', async () => {
    const key = freshKey();
    await log.buckets.queues.put(key, record('one'));
    const entry = (await other.buckets.queues.get(key))!;
    const revision = await other.buckets.queues.update(key, record('two'), entry.revision);
    expect(revision).toBeGreaterThan(entry.revision);
    expect(await log.buckets.queues.update(key, record('three'), entry.revision)).toBeUndefined();
    expect(await log.buckets.queues.get(key)).toEqual({ key, value: record('two'), revision });
  });

  it('can have a key made again after it was deleted', async () => {
    const key = freshKey();
    expect(await log.buckets.queues.get(key)).toBeUndefined();
    expect(await log.buckets.queues.create(key, record('one'))).toBe(true);
    await log.buckets.queues.delete(key);
    expect(await log.buckets.queues.get(key)).toBeUndefined();
    expect(await log.buckets.queues.create(key, record('two'))).toBe(true);
  });

  it('lists what it has, without what was deleted', async () => {
    for (const name of ['a', 'b', 'c'])
      await log.buckets.handlers.put(name, { name, queue: 'video', description: 'x' });
    await log.buckets.handlers.delete('b');
    expect((await log.buckets.handlers.entries()).map(({ key, value }) => [key, value.name])).toEqual([
      ['a', 'a'],
      ['c', 'c'],
    ]);
    expect(await log.buckets.keys.entries()).toEqual([]);
  });

  it('lists thousands', async () => {
    const created_at = '2026-01-01T00:00:00.000Z';
    const wanted = Array.from({ length: 2_500 }, (_, i) => `sha${i}`);
    // All at once they would outlast the patience of the client on a slow machine.
    for (let from = 0; from < wanted.length; from += 250)
      await Promise.all(
        wanted
          .slice(from, from + 250)
          .map((key) => log.buckets.keys.put(key, { name: key, role: 'viewer', created_at })),
      );
    expect((await log.buckets.keys.entries()).map(({ key }) => key).sort()).toEqual(wanted.sort());
  });

  it('says of a value that is not of its shape where it stands', async () => {
    const nats = await broker.stranger();
    await nats.request('$KV.queues.careless', '{"name":5}');
    await expect(log.buckets.queues.get('careless')).rejects.toThrow(BadBodyError);
    await expect(log.buckets.queues.get('careless')).rejects.toThrow('$KV.queues.careless');
    expect((await log.buckets.queues.entries()).map(({ key }) => key)).not.toContain('careless');
  });

  it('does not take an outage for a lost race', async () => {
    const key = freshKey();
    await log.buckets.queues.put(key, record('one'));
    await broker.kill();
    const asked = [
      log.buckets.queues.create(key, record('two')),
      log.buckets.queues.update(key, record('two'), 1),
      log.buckets.queues.get(key),
      log.buckets.queues.put(key, record('two')),
    ];
    for (const result of await Promise.allSettled(asked))
      expect(result).toMatchObject({
        status: 'rejected',
        reason: expect.any(LogUnavailableError) as unknown,
      });
    await broker.restart();
    await waitUntil(() => log.connected && other.connected);
  }, 40_000);

  it('lets a lease expire', async () => {
    expect(await log.buckets.leases.create('sweeper', { holder: 'one', since: 'now' })).toBe(true);
    expect(await other.buckets.leases.create('sweeper', { holder: 'two', since: 'now' })).toBe(false);
    await waitUntil(() => other.buckets.leases.create('sweeper', { holder: 'two', since: 'now' }), 15_000);
  }, 20_000);
});

describe('the bucket of workers', () => {
  const worker: WorkerRecord = {
    worker_id: 'w1',
    host: 'mill',
    pid: 1,
    version: '0.1.0',
    started_at: '2026-01-01T00:00:00.000Z',
    last_seen: '2026-01-01T00:00:00.000Z',
    status: 'active',
    queues: ['video'],
    handlers: ['render'],
    unsuited_handlers: [],
    labels: {},
    slots: 4,
    prefetch: 0,
    running: [],
    running_count: 0,
    done: 0,
    failed: 0,
    memory_bytes: 1,
  };

  it('is made anew by whoever finds the broker without memory', async () => {
    await log.buckets.workers.put('w1', worker);
    expect((await other.buckets.workers.entries()).map(({ value }) => value)).toEqual([worker]);
    await broker.crash();
    // As its owner does: what fails while the broker comes back is put again.
    await waitUntil(async () => (await log.buckets.workers.put('w1', worker).catch(() => 0)) > 0);
    expect((await other.buckets.workers.get('w1'))?.value).toEqual(worker);
  });
});

describe('who watches a bucket', () => {
  it('is told all values first, then every change, also over a crash of the broker', async () => {
    const [one, two, three] = [freshKey(), freshKey(), freshKey()];
    await log.buckets.queues.put(one, record('one'));
    await log.buckets.queues.put(two, record('two'));
    const seen = new Map<string, QueueRecord | undefined>();
    const stop = await log.buckets.queues.watch((key, value) => seen.set(key, value));
    expect([seen.get(one), seen.get(two)]).toEqual([record('one'), record('two')]);
    await other.buckets.queues.delete(one);
    await waitUntil(() => seen.has(one) && seen.get(one) === undefined);
    await broker.crash();
    await other.buckets.queues.put(three, record('three'));
    await waitUntil(() => seen.get(three)?.name === 'three', 2_000);
    stop();
    await new Promise((go) => setTimeout(go, 50));
    await other.buckets.queues.put(three, record('four'));
    await new Promise((go) => setTimeout(go, 50));
    expect(seen.get(three)?.name).toBe('three');
  });

  it('of an empty bucket is told so', async () => {
    const seen: string[] = [];
    const stop = await log.buckets.leases.watch((key) => seen.push(key));
    stop();
    expect(seen.filter((key) => key !== 'sweeper')).toEqual([]);
  });
});
