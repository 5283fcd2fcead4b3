import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LANES } from '@millrace/domain';
import { LogUnavailableError } from './errors.js';
import { Broker } from './testing/broker.js';
import { BY_TEST, newTask, readyIn, started, submit } from './testing/tasks.js';
import { collectTickets } from './testing/tickets.js';
import { waitUntil } from './testing/wait-until.js';

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.start();
});
afterAll(() => broker.stop());

describe('a fresh broker', () => {
  it('is set up by many processes that start at once', async () => {
    const logs = await Promise.all(Array.from({ length: 8 }, () => broker.open()));
    await Promise.all(logs.map((log) => log.provisionQueue('video', 'test')));
    const nats = await broker.stranger();
    const streams = (await nats.request('$JS.API.STREAM.NAMES')).json<{ streams: string[] }>().streams;
    expect(streams.sort()).toEqual(
      [
        'KEPT',
        'KV_alert_rules',
        'KV_alerts',
        'KV_handlers',
        'KV_keys',
        'KV_leases',
        'KV_operations',
        'KV_queues',
        'KV_rebuilds',
        'KV_unique',
        'KV_slots',
        'KV_webhooks',
        'KV_workers',
        'LOGS',
        'OPS',
        'PROGRESS',
        'TASKS',
      ].sort(),
    );
    const consumers = (await nats.request('$JS.API.CONSUMER.NAMES.TASKS')).json<{ consumers: string[] }>();
    expect(consumers.consumers.sort()).toEqual(LANES.map((lane) => `video_${lane}`).sort());
  });
});

describe('a broker that is set up', () => {
  it('is left as it is, and nothing differs', async () => {
    const log = await broker.open();
    expect(log.drifts).toEqual([]);
    expect(await log.provisionQueue('video', 'test')).toEqual([]);
    expect(await log.provisionQueue('video', 'test')).toEqual([]);
    expect((await log.buckets.queues.get('video'))?.value).toEqual({ name: 'video', defined_by: 'test' });
  });

  it('is left alone where an operator changed it; the difference is told', async () => {
    const nats = await broker.stranger();
    const info = (await nats.request('$JS.API.STREAM.INFO.OPS')).json<{ config: object }>();
    const config = { ...info.config, max_age: 3_600_000_000_000, description: 'ours' };
    await nats.request('$JS.API.STREAM.UPDATE.OPS', JSON.stringify({ ...config, allow_direct: false }));
    const log = await broker.open({ leaseSeconds: 5 });
    expect(log.drifts).toEqual([
      { what: 'stream OPS', setting: 'allow_direct', wanted: true, actual: false },
    ]);
    const [drift, ...more] = await log.provisionQueue('video', 'test');
    expect(drift).toEqual({
      what: 'consumer video_front',
      setting: 'ack_wait',
      wanted: 5e9,
      actual: 30e9,
    });
    expect(more).toHaveLength(11);
    await nats.request('$JS.API.STREAM.UPDATE.OPS', JSON.stringify(info.config));
  });

  it('is waited for when it is away', async () => {
    await broker.kill();
    const opening = broker.open();
    await broker.restart();
    expect((await opening).connected).toBe(true);
  });

  it('that dies while it is asked is waited for too', async () => {
    const opening = broker.open();
    await broker.kill();
    await broker.restart();
    expect((await opening).drifts).toEqual([]);
  });

  it('refuses a wrong login at once', async () => {
    const url = new URL(broker.url);
    url.password = 'guess';
    await expect(broker.open({ url: url.toString() })).rejects.toThrow(/[Aa]uthorization/);
  });
});

describe('a broker with little room', () => {
  it('gets smaller streams, and says so from then on', async () => {
    const small = await Broker.start('', undefined, { maxFileStoreBytes: 64 * 1024 ** 2 });
    await (await small.open()).close();
    expect((await small.open()).drifts).toEqual([
      { what: 'stream LOGS', setting: 'max_bytes', wanted: 1024 ** 3, actual: 16 * 1024 ** 2 },
    ]);
    await small.stop();
  });
});

describe('a queue', () => {
  it.each(['a', 'with-dash', 'with_underscore', '-', '_', '0', 'q'.repeat(64), 'a_p10', 'a_p1'])(
    'may be named %s',
    async (queue) => {
      const log = await broker.open();
      await log.provisionQueue(queue, 'test');
      const tickets = collectTickets(log, queue);
      const refs = LANES.map(() => newTask(queue));
      await Promise.all(refs.map((ref, i) => submit(log, ref, LANES[i])));
      await waitUntil(() => tickets.length === 12);
      expect(tickets.map(({ task_id }) => task_id).sort()).toEqual(refs.map(({ task_id }) => task_id).sort());
      expect(new Set(tickets.map((ticket) => ticket.queue))).toEqual(new Set([queue]));
      expect(await log.admin.ackFloors(queue)).toHaveProperty('size', 12);
      await log.close();
    },
  );

  it('whose consumers are made anew begins at its least live ticket', async () => {
    const log = await broker.open();
    const stale = await submit(log, newTask('again'));
    const live = await submit(log, newTask('again'));
    await log.buckets.queues.put('again', {
      name: 'again',
      defined_by: 'test',
      least_ticket: live.sequence,
    });
    await log.provisionQueue('again', 'test');
    const tickets = collectTickets(log, 'again');
    await waitUntil(() => tickets.length > 0);
    expect(tickets.map(({ sequence }) => sequence)).toEqual([live.sequence]);
    expect((await log.admin.ackFloors('again')).get('p10')).toBeGreaterThanOrEqual(stale.sequence);
    await log.close();
  });
});

describe('the admin of the log', () => {
  it('knows the ack floor of each lane: the last sequence below which nothing comes again', async () => {
    const log = await broker.open();
    await log.provisionQueue('floor', 'test');
    expect(await log.admin.ackFloors('nowhere')).toEqual(new Map());
    const facts = [await submit(log, newTask('floor')), await submit(log, newTask('floor'))];
    const held: { ack: () => void }[] = [];
    const puller = log.pull({
      queues: ['floor'],
      free: () => 2 - held.length,
      onTicket: (ticket) => held.push(ticket),
    });
    await waitUntil(() => held.length === 2);
    const floor = async (): Promise<number> => (await log.admin.ackFloors('floor')).get('p5')!;
    expect(await floor()).toBeLessThan(facts[0]!.sequence);
    held[0]!.ack();
    await waitUntil(async () => (await floor()) >= facts[0]!.sequence);
    expect(await floor()).toBeLessThan(facts[1]!.sequence);
    held[1]!.ack();
    await waitUntil(async () => (await floor()) >= facts[1]!.sequence);
    await puller.stop();
    await log.close();
  });

  it('tells an outage from a lane without a consumer', async () => {
    const log = await broker.open();
    await broker.kill();
    await expect(log.admin.ackFloors('video')).rejects.toThrow(LogUnavailableError);
    await broker.restart();
    await waitUntil(() => log.connected);
    await log.close();
  });

  it('removes what lies below a sequence, and nothing else', async () => {
    const log = await broker.open();
    const [old, live] = [newTask('purged'), newTask('purged')];
    const gone = await submit(log, old);
    const kept = await submit(log, live);
    expect(await log.admin.purgeBelow(kept.sequence)).toBeGreaterThan(0);
    expect(await log.read.factAt(gone.sequence)).toBeUndefined();
    expect(await log.read.task(old)).toEqual({ phase: 'none' });
    await log.append(live, kept.sequence, started(kept.sequence), BY_TEST);
    expect((await log.admin.state()).firstSequence).toBe(kept.sequence);
    await log.close();
  });

  it('knows how full the store is', async () => {
    const log = await broker.open();
    expect(await log.admin.storeUsage()).toBe(0);
    const { bytes } = await log.admin.state();
    const usage = await log.admin.storeUsage(bytes * 10);
    expect(usage).toBeGreaterThan(0.1);
    expect(usage).toBeLessThan(1);
    await log.close();
  });
});

describe('a log that was closed', () => {
  it('takes no more writes and reads, and may be closed again', async () => {
    const log = await broker.open();
    let told = 0;
    log.on('closed', () => told++);
    const last = submit(log, newTask());
    await last;
    await log.close();
    await log.close();
    expect(told).toBe(1);
    expect(log.connected).toBe(false);
    await expect(log.append(newTask(), 0, readyIn('p5'), BY_TEST)).rejects.toThrow(LogUnavailableError);
    await expect(log.read.lastFact(newTask())).rejects.toThrow(LogUnavailableError);
    log.reportProgress(newTask(), '{}');
  });
});

describe('workers', () => {
  it('tell each other which attempts they run; who is gone gives no answer', async () => {
    const [one, other] = await Promise.all([broker.open(), broker.open()]);
    one.answerRuns('w1', ({ token, ticket }) => token === 7 || ticket === 6);
    await waitUntil(async () => (await other.askRuns('w1', { token: 7, ticket: 1 }, 500)) === true);
    expect(await other.askRuns('w1', { token: 1, ticket: 6 }, 500)).toBe(true);
    expect(await other.askRuns('w1', { token: 1, ticket: 1 }, 500)).toBe(false);
    const nats = await broker.stranger();
    for (const junk of ['', '7', 'null', '{"token":"7"}']) nats.publish('workers.w1.runs', junk);
    await nats.flush();
    expect(await other.askRuns('w1', { token: 7, ticket: 1 }, 500)).toBe(true);
    expect(await other.askRuns('w2', { token: 7, ticket: 1 }, 500)).toBeUndefined();
    await one.close();
    expect(await other.askRuns('w1', { token: 7, ticket: 1 }, 500)).toBeUndefined();
    await other.close();
  });
});

describe('who asks a worker while the broker is away', () => {
  it('does not take its own silence for the other one’s', async () => {
    const log = await broker.open();
    await broker.kill();
    await expect(log.askRuns('w1', { token: 7, ticket: 1 }, 500)).rejects.toThrow(LogUnavailableError);
    const asked = log.askRuns('w1', { token: 7, ticket: 1 }, 3_000);
    await Promise.all([broker.restart(), expect(asked).rejects.toThrow(LogUnavailableError)]);
    await log.close();
  });
});

describe('a login that may not write', () => {
  it('is told so at once, instead of waiting for an answer for ever', async () => {
    const narrow = await Broker.start(
      `authorization { users = [
        { user: all, password: p }
        { user: narrow, password: p, permissions: { publish: { deny: ["tasks.>", "$JS.API.STREAM.MSG.GET.>"] } } }
      ] }`,
      { user: 'all', password: 'p' },
    );
    const url = new URL(narrow.url);
    await narrow.open();
    url.username = 'narrow';
    const log = await narrow.open({ url: url.toString() });
    await expect(submit(log, newTask())).rejects.toThrow('This login may not write to tasks.video.p5.');
    await expect(log.read.factAt(1)).rejects.toThrow('This login may not ask $JS.API.STREAM.MSG.GET.TASKS.');
    await narrow.stop();
  });
});

describe('who waits for a task', () => {
  it('gets a hint when something is written about it, and after a reconnect', async () => {
    const [log, writer] = await Promise.all([broker.open(), broker.open()]);
    const ref = newTask();
    let hints = 0;
    const end = log.onHint(ref, () => hints++);
    await waitUntil(async () => {
      await submit(writer, ref).catch(() => undefined);
      return hints > 0;
    });
    hints = 0;
    await broker.kill();
    await broker.restart();
    await waitUntil(() => hints > 0);
    end();
    await Promise.all([log.close(), writer.close()]);
  });
});
