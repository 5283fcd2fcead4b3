import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LANES } from '@millrace/domain';
import { settlePause } from './queue-pause.js';
import { Broker } from './testing/broker.js';
import { newTask, submit } from './testing/tasks.js';
import { collectTickets } from './testing/tickets.js';
import { waitUntil } from './testing/wait-until.js';
import type { QueueRecord } from './bucket-records.js';
import type { TaskLog } from './task-log.js';
import { laneConsumer, streams } from './topology.js';

let broker: Broker;
let log: TaskLog;
beforeAll(async () => {
  broker = await Broker.start();
  log = await broker.open();
});
afterAll(() => broker.stop());

const BY = { at: '2026-01-01T00:00:00.000Z', actor: 'api:test' };

async function write(queue: string, change: (record: QueueRecord) => QueueRecord): Promise<void> {
  for (;;) {
    const entry = await log.buckets.queues.get(queue);
    if (!entry) throw new Error('The queue is not defined.');
    // Whoever settles it writes it, too.
    if ((await log.buckets.queues.update(queue, change(entry.value), entry.revision)) !== undefined) return;
  }
}

const pause = (queue: string): Promise<void> =>
  write(queue, (record) => ({ ...record, paused: BY, announce: { verb: 'paused', ...BY } }));

const resume = (queue: string): Promise<void> =>
  write(queue, ({ paused: _, ...record }) => ({ ...record, announce: { verb: 'resumed', ...BY } }));

const pausedLanes = async (queue: string): Promise<number> =>
  (await log.admin.lanes(queue)).filter(({ isPaused }) => isPaused).length;

describe('a paused queue', () => {
  it('delivers nothing, also after a crash of the broker, until it is resumed', async () => {
    await log.provisionQueue('video', 'test');
    await pause('video');
    expect(await settlePause(log, 'video')).toMatchObject({ isPaused: true, changed: 12, isAnnounced: true });
    await submit(log, newTask());
    await submit(log, newTask(), 'p9');
    await broker.crash();
    const tickets = collectTickets(log, 'video');
    await waitUntil(async () => (await log.admin.lanes('video')).length === LANES.length);
    expect(await settlePause(log, 'video')).toMatchObject({ changed: 0, pending: 2, isAnnounced: false });
    expect(tickets).toEqual([]);
    await resume('video');
    expect(await settlePause(log, 'video')).toMatchObject({
      isPaused: false,
      changed: 12,
      isAnnounced: true,
    });
    // The pulls that were parked meanwhile do not wake by themselves; new ones find all.
    const others = collectTickets(log, 'video');
    await waitUntil(() => tickets.length + others.length === 2);
  });

  it('is told of once: what was told is taken out of the record', async () => {
    expect(await log.buckets.queues.get('video')).toMatchObject({
      value: { name: 'video', defined_by: 'test' },
    });
    const told = await log.read.lastOn('ops.queue.paused', streams.ops.name);
    expect(JSON.parse(told?.payload ?? '{}')).toMatchObject({ ...BY, queue: 'video' });
  });

  it('is closed from its last lane on, and opened from its first', async () => {
    await log.provisionQueue('music', 'test');
    const lanes: string[] = [];
    const nats = await broker.stranger();
    nats.subscribe('$JS.EVENT.ADVISORY.CONSUMER.PAUSE.TASKS.>', {
      callback: (_, { subject }) => void lanes.push(subject.slice(subject.lastIndexOf('_') + 1)),
    });
    await nats.flush();
    for (const change of [pause, resume]) {
      await change('music');
      await settlePause(log, 'music');
    }
    await waitUntil(() => lanes.length === 2 * LANES.length);
    expect(lanes).toEqual([...LANES].reverse().concat(LANES));
  });

  it('gets its missing lanes paused', async () => {
    await log.provisionQueue('mail', 'test');
    await pause('mail');
    const nats = await broker.stranger();
    await nats.request(`$JS.API.CONSUMER.DELETE.TASKS.${laneConsumer('mail', 'p5')}`);
    expect(await settlePause(log, 'mail')).toMatchObject({ changed: 11 });
    expect((await log.admin.pauses()).get('mail_p4')).toBe(true);
    expect((await log.admin.pauses()).has('mail_p5')).toBe(false);
    expect(await log.provisionQueue('mail', 'test')).toEqual([]);
    expect(await pausedLanes('mail')).toBe(12);
  });

  it('that changes its mind meanwhile is what its record says in the end', async () => {
    await log.provisionQueue('busy', 'test');
    for (let round = 0; round < 5; round++)
      await Promise.all([
        pause('busy').then(() => settlePause(log, 'busy')),
        settlePause(log, 'busy'),
        waitUntil(async () => (await pausedLanes('busy')) > 0)
          .then(() => resume('busy'))
          .then(() => settlePause(log, 'busy')),
      ]);
    expect(await settlePause(log, 'busy')).toMatchObject({ isPaused: false });
    expect(await pausedLanes('busy')).toBe(0);
  });
});
