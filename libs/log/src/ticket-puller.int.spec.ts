import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LANES } from '@millrace/domain';
import type { Lane } from '@millrace/domain';
import type { NatsConnection } from '@nats-io/transport-node';
import type { TaskLog } from './task-log.js';
import { Broker } from './testing/broker.js';
import { BY_TEST, CARD, newTask, submit } from './testing/tasks.js';
import { waitUntil } from './testing/wait-until.js';
import type { PullOptions, TicketPuller } from './ticket-puller.js';
import type { Ticket } from './ticket.js';

const LEASE_MS = 1_000;

let broker: Broker;
let log: TaskLog;
let writer: TaskLog;
let nats: NatsConnection;
beforeAll(async () => {
  broker = await Broker.start();
  // A short lease, so that a ticket that was lost shows up as a second delivery.
  [log, writer] = await Promise.all([broker.open({ leaseSeconds: LEASE_MS / 1000 }), broker.open()]);
  nats = await broker.stranger();
});
afterAll(() => broker.stop());

let queues = 0;
async function freshQueue(): Promise<string> {
  const queue = `pulled${++queues}`;
  await log.provisionQueue(queue, 'test');
  return queue;
}

/** Waits until the queue's consumers exist everywhere, and submits one task to each lane named. */
const submitAll = (queue: string, lanes: readonly Lane[]): Promise<unknown> =>
  Promise.all(lanes.map((lane) => submit(writer, newTask(queue), lane)));

/** A worker with so many slots; a ticket holds its slot until `finish`, which acknowledges it. */
class Hands {
  readonly taken: Ticket[] = [];
  readonly held: Ticket[] = [];
  most = 0;
  readonly puller: TicketPuller;

  constructor(
    slots: number,
    options: Partial<PullOptions> & { queues: string[] },
    onTicket: (ticket: Ticket) => void = () => undefined,
    from: TaskLog = log,
  ) {
    this.puller = from.pull({
      free: () => slots - this.held.length,
      onTicket: (ticket) => {
        this.taken.push(ticket);
        this.held.push(ticket);
        this.most = Math.max(this.most, this.held.length);
        onTicket(ticket);
      },
      ...options,
    });
  }

  finish(ticket: Ticket): void {
    ticket.ack();
    this.letGo(ticket);
  }

  /** Frees the slot and leaves the ticket as it is. */
  letGo(ticket: Ticket): void {
    this.held.splice(this.held.indexOf(ticket), 1);
    this.puller.wake();
  }

  stop(): Promise<void> {
    return this.puller.stop();
  }
}

const state = async (queue: string, lane: Lane): Promise<{ num_waiting: number; num_ack_pending: number }> =>
  (await nats.request(`$JS.API.CONSUMER.INFO.TASKS.${queue}_${lane}`)).json();

const openPulls = async (queue: string): Promise<number> => {
  const states = await Promise.all(LANES.map((lane) => state(queue, lane)));
  return states.reduce((sum, { num_waiting }) => sum + num_waiting, 0);
};

const sorted = (numbers: number[]): number[] => [...numbers].sort((a, b) => a - b);

describe('the order of tickets', () => {
  it('is that of the lanes, and within a lane that of the log', async () => {
    const queue = await freshQueue();
    const shuffled = [...LANES, ...LANES, ...LANES].sort(() => Math.random() - 0.5);
    for (const lane of shuffled) await submit(writer, newTask(queue), lane);
    const hands = new Hands(1, { queues: [queue] }, (ticket) => setTimeout(() => hands.finish(ticket), 1));
    await waitUntil(() => hands.taken.length === shuffled.length);
    const expected = [...hands.taken].sort(
      (a, b) => LANES.indexOf(a.lane) - LANES.indexOf(b.lane) || a.sequence - b.sequence,
    );
    expect(hands.taken.map(({ lane, sequence }) => [lane, sequence])).toEqual(
      expected.map(({ lane, sequence }) => [lane, sequence]),
    );
    await hands.stop();
  });

  it('lets what is urgent pass what waits as soon as a slot is free', async () => {
    const queue = await freshQueue();
    await submitAll(
      queue,
      Array.from({ length: 20 }, () => 'p5' as const),
    );
    const hands = new Hands(2, { queues: [queue] });
    await waitUntil(() => hands.held.length === 2);
    await sleep(40);
    await submitAll(queue, ['p10', 'front', 'p9']);
    for (const ticket of [...hands.held]) hands.finish(ticket);
    await waitUntil(() => hands.taken.length === 4);
    for (const ticket of [...hands.held]) hands.finish(ticket);
    await waitUntil(() => hands.taken.length === 6);
    const lanes = hands.taken.map(({ lane }) => lane);
    expect(new Set(lanes.slice(2, 4))).toEqual(new Set(['front', 'p10']));
    expect(lanes.slice(4)).toEqual(['p9', 'p5']);
    await hands.stop();
  });

  it('is kept also of a flood that meets a worker without work', async () => {
    const queue = await freshQueue();
    const hands = new Hands(1, { queues: [queue] });
    for (let flood = 0; flood < 20; flood++) {
      await waitUntil(async () => (await openPulls(queue)) === 12);
      const before = hands.taken.length;
      // The least urgent first: what the server has already is never passed.
      await submitAll(queue, [...LANES].reverse());
      await waitUntil(() => hands.held.length === 1);
      while (hands.taken.length < before + 12 || hands.held.length > 0) {
        for (const ticket of [...hands.held]) hands.finish(ticket);
        await sleep(1);
      }
      const [first, ...others] = hands.taken.slice(before);
      const earlier = others.filter(({ sequence }) => sequence < first!.sequence);
      expect(earlier.filter(({ lane }) => LANES.indexOf(lane) < LANES.indexOf(first!.lane))).toEqual([]);
      expect(others.map(({ lane }) => lane)).toEqual(LANES.filter((lane) => lane !== first!.lane));
    }
    await hands.stop();
  });

  it('takes the queues in turn within a lane, however few slots there are', async () => {
    const names = await Promise.all([freshQueue(), freshQueue(), freshQueue()]);
    for (const queue of names)
      await submitAll(
        queue,
        Array.from({ length: 30 }, () => 'p5' as const),
      );
    const hands = new Hands(1, { queues: names }, (ticket) => setTimeout(() => hands.finish(ticket), 1));
    await waitUntil(() => hands.taken.length === 90);
    for (let from = 0; from < 81; from += 9) {
      const served = new Set(hands.taken.slice(from, from + 9).map(({ queue }) => queue));
      expect(served).toEqual(new Set(names));
    }
    await hands.stop();
  });
});

describe('a worker', () => {
  it('never holds more than it has slots, and gets every ticket once, while it is full again and again', async () => {
    const queue = await freshQueue();
    const COUNT = 3_000;
    const both = [
      new Hands(3, { queues: [queue] }, (ticket) => void finishSoon(both[0]!, ticket)),
      new Hands(2, { queues: [queue] }, (ticket) => void finishSoon(both[1]!, ticket), writer),
    ];
    const finishSoon = async (hands: Hands, ticket: Ticket): Promise<void> => {
      // Longer than it takes to withdraw the pulls, now and then.
      await sleep(Math.random() < 0.02 ? 40 : 0);
      hands.finish(ticket);
    };
    const submitted: number[] = [];
    for (let i = 0; i < COUNT / 10; i++) {
      const facts = await Promise.all(
        Array.from({ length: 10 }, () => submit(writer, newTask(queue), LANES[(Math.random() * 12) | 0])),
      );
      submitted.push(...facts.map(({ sequence }) => sequence));
      await sleep(Math.random() * 4);
    }
    const taken = (): number[] => both.flatMap((hands) => hands.taken.map(({ sequence }) => sequence));
    await waitUntil(() => new Set(taken()).size === COUNT, 20_000);
    expect(sorted(taken())).toEqual(sorted(submitted));
    expect(both.map(({ most }) => most)).toEqual([3, 2]);
    await Promise.all(both.map((hands) => hands.stop()));
  }, 40_000);

  it('has no open pull while it is full', async () => {
    const queue = await freshQueue();
    const hands = new Hands(2, { queues: [queue] });
    await waitUntil(async () => (await openPulls(queue)) === 12);
    await submitAll(queue, ['p5', 'p6']);
    await waitUntil(() => hands.held.length === 2);
    await waitUntil(async () => (await openPulls(queue)) === 0, 1_000);
    hands.finish(hands.held[0]!);
    await waitUntil(async () => (await openPulls(queue)) === 12, 1_000);
    await hands.stop();
    await waitUntil(async () => (await openPulls(queue)) === 0, 1_000);
  });

  it('gives back at once what does not fit, and another one gets it', async () => {
    const queue = await freshQueue();
    const full = new Hands(1, { queues: [queue] });
    await waitUntil(async () => (await openPulls(queue)) === 12);
    await submitAll(queue, LANES);
    await waitUntil(() => full.held.length === 1);
    const begun = performance.now();
    const idle = new Hands(100, { queues: [queue] }, () => undefined, writer);
    await waitUntil(() => idle.taken.length === 11);
    expect(performance.now() - begun).toBeLessThan(LEASE_MS / 2);
    expect(new Set([...full.taken, ...idle.taken].map(({ lane }) => lane)).size).toBe(12);
    await Promise.all([full.stop(), idle.stop()]);
  });

  it('gets a ticket at once when it waits for one', async () => {
    const queue = await freshQueue();
    const cameAt = new Map<string, number>();
    const hands = new Hands(1, { queues: [queue] }, (ticket) => {
      cameAt.set(ticket.task_id, performance.now());
      setImmediate(() => hands.finish(ticket));
    });
    await waitUntil(async () => (await openPulls(queue)) === 12);
    const delays: number[] = [];
    for (let i = 0; i < 50; i++) {
      const ref = newTask(queue);
      const sentAt = performance.now();
      await submit(writer, ref, LANES[i % 12]);
      await waitUntil(() => cameAt.has(ref.task_id));
      delays.push(cameAt.get(ref.task_id)! - sentAt);
    }
    // Far less than any timer of the pull loop, far more than a busy machine needs.
    expect(sorted(delays)[25]).toBeLessThan(100);
    await hands.stop();
  });

  it('with many slots takes long tickets in portions that the connection can bear', async () => {
    const queue = await freshQueue();
    const long = { ...CARD, parameters: 'x'.repeat(500_000), reason: 'submitted' as const };
    const write = (): Promise<unknown> =>
      writer.append(newTask(queue), 0, { kind: 'p5', data: long }, BY_TEST);
    await Promise.all(Array.from({ length: 40 }, write));
    const hands = new Hands(100, { queues: [queue] }, (ticket) => ticket.ack());
    await waitUntil(() => hands.taken.length === 40);
    await Promise.all(Array.from({ length: 40 }, write));
    await waitUntil(() => hands.taken.length === 80);
    expect(new Set(hands.taken.map(({ sequence }) => sequence)).size).toBe(80);
    await hands.stop();
  });

  it('that stops gets nothing more, and gives back what was on its way', async () => {
    const queue = await freshQueue();
    const stopping = new Hands(50, { queues: [queue] }, (ticket) =>
      setImmediate(() => stopping.finish(ticket)),
    );
    const submitting = submitAll(
      queue,
      Array.from({ length: 2_000 }, () => 'p5' as const),
    );
    await waitUntil(() => stopping.taken.length > 100);
    await stopping.stop();
    await stopping.stop();
    const { length } = stopping.taken;
    await submitting;
    expect(stopping.taken).toHaveLength(length);
    const begun = performance.now();
    const next = new Hands(
      50,
      { queues: [queue] },
      (ticket) => setImmediate(() => next.finish(ticket)),
      writer,
    );
    await waitUntil(() => next.taken.length + length >= 2_000);
    expect(next.taken.length + length).toBe(2_000);
    expect(performance.now() - begun).toBeLessThan(LEASE_MS);
    await next.stop();
  });
});

describe('a ticket', () => {
  it('comes back when its lease has run out, and not before', async () => {
    const queue = await freshQueue();
    await submitAll(queue, ['p5']);
    const begun = performance.now();
    const hands = new Hands(5, { queues: [queue] });
    await waitUntil(() => hands.taken.length === 2);
    expect(performance.now() - begun).toBeGreaterThan(LEASE_MS * 0.9);
    expect(hands.taken[1]!.sequence).toBe(hands.taken[0]!.sequence);
    await hands.stop();
  });

  it('stays with its holder who extends the lease', async () => {
    const queue = await freshQueue();
    await submitAll(queue, ['p5']);
    const hands = new Hands(5, { queues: [queue] });
    await waitUntil(() => hands.taken.length === 1);
    for (let beat = 0; beat < 8; beat++) {
      await sleep(LEASE_MS / 3);
      hands.taken[0]!.extend();
    }
    expect(hands.taken).toHaveLength(1);
    await waitUntil(() => hands.taken.length === 2);
    await hands.stop();
  });

  it('is gone once it is acknowledged', async () => {
    const queue = await freshQueue();
    await submitAll(queue, ['p5']);
    const hands = new Hands(5, { queues: [queue] }, (ticket) => hands.finish(ticket));
    await waitUntil(() => hands.taken.length === 1);
    await waitUntil(async () => (await state(queue, 'p5')).num_ack_pending === 0);
    await sleep(LEASE_MS * 1.5);
    expect(hands.taken).toHaveLength(1);
    await hands.stop();
  });

  it('that is given back comes before all others of its lane, at once or after the time asked for', async () => {
    const queue = await freshQueue();
    await submitAll(queue, ['p5', 'p5', 'p5']);
    const hands = new Hands(1, { queues: [queue] });
    await waitUntil(() => hands.taken.length === 1);
    const [first] = hands.taken;
    first!.nak();
    // The server takes in what is given back and what is asked for side by side.
    await sleep(20);
    hands.letGo(first!);
    await waitUntil(() => hands.taken.length === 2);
    expect(hands.taken[1]!.sequence).toBe(first!.sequence);
    const naked = performance.now();
    hands.taken[1]!.nak(300);
    hands.letGo(hands.taken[1]!);
    await waitUntil(() => hands.taken.length === 3);
    expect(hands.taken[2]!.sequence).not.toBe(first!.sequence);
    hands.finish(hands.taken[2]!);
    await waitUntil(() => hands.taken.length === 4);
    hands.finish(hands.taken[3]!);
    await waitUntil(() => hands.taken.length === 5);
    expect(hands.taken[4]!.sequence).toBe(first!.sequence);
    expect(performance.now() - naked).toBeGreaterThan(250);
    await hands.stop();
  });
});

describe('over a crash of the broker', () => {
  it('a waiting worker goes on within a second', async () => {
    const queue = await freshQueue();
    const hands = new Hands(1, { queues: [queue] }, (ticket) => hands.finish(ticket));
    await waitUntil(async () => (await openPulls(queue)) === 12);
    await broker.crash();
    const back = performance.now();
    await submitAll(queue, ['p3']);
    await waitUntil(() => hands.taken.length === 1);
    expect(performance.now() - back).toBeLessThan(1_000);
    await hands.stop();
  });

  it('no ticket is lost, and none that was acknowledged for longer than a moment comes again', async () => {
    const queue = await freshQueue();
    const runs = new Map<number, number>();
    const finishedAt = new Map<number, number>();
    const tooLate: number[] = [];
    const hands = new Hands(5, { queues: [queue] }, (ticket) => {
      const { sequence } = ticket;
      runs.set(sequence, (runs.get(sequence) ?? 0) + 1);
      const before = finishedAt.get(sequence);
      if (before !== undefined && performance.now() - before > 1_500 + LEASE_MS) tooLate.push(sequence);
      setTimeout(() => {
        finishedAt.set(sequence, performance.now());
        hands.finish(ticket);
      }, 1);
    });
    const submitted: number[] = [];
    let stopped = false;
    const submitAllTheTime = async (): Promise<void> => {
      while (!stopped) submitted.push((await submit(writer, newTask(queue), 'p5')).sequence);
    };
    const submitting = submitAllTheTime();
    for (let kill = 0; kill < 4; kill++) {
      await sleep(200 + Math.random() * 200);
      await broker.crash();
    }
    stopped = true;
    await submitting;
    await waitUntil(() => runs.size === submitted.length);
    expect(sorted([...runs.keys()])).toEqual(submitted);
    await waitUntil(async () => (await state(queue, 'p5')).num_ack_pending === 0);
    expect(tooLate).toEqual([]);
    expect(hands.most).toBeLessThanOrEqual(5);
    await hands.stop();
  }, 30_000);
});

describe('trouble', () => {
  it('with one queue is told, does not hold up another, and ends when the queue is there', async () => {
    const good = await freshQueue();
    const missing = `missing${++queues}`;
    const troubles: { queue: string; code: number }[] = [];
    const hands = new Hands(
      2,
      { queues: [missing, good], onTrouble: (trouble) => troubles.push(trouble) },
      (ticket) => setImmediate(() => hands.finish(ticket)),
    );
    await submitAll(good, LANES);
    await submitAll(missing, ['p5']);
    await waitUntil(() => hands.taken.length === 12);
    expect(new Set(troubles.map(({ queue, code }) => `${queue} ${code}`))).toEqual(
      new Set([`${missing} 503`]),
    );
    await log.provisionQueue(missing, 'test');
    await waitUntil(() => hands.taken.length === 13);
    await hands.stop();
  });

  it('by a queue that is paused does not hold up another; what waits comes after the resume', async () => {
    const [paused, good] = [await freshQueue(), await freshQueue()];
    await submitAll(paused, ['p10', 'p5']);
    const pause = (until: string): Promise<unknown> =>
      Promise.all(
        LANES.map((lane) =>
          nats.request(
            `$JS.API.CONSUMER.PAUSE.TASKS.${paused}_${lane}`,
            JSON.stringify({ pause_until: until }),
          ),
        ),
      );
    await pause('2100-01-01T00:00:00Z');
    const hands = new Hands(2, { queues: [paused, good] }, (ticket) =>
      setImmediate(() => hands.finish(ticket)),
    );
    await submitAll(good, LANES);
    await waitUntil(() => hands.taken.length === 12, 1_000);
    expect(new Set(hands.taken.map(({ queue }) => queue))).toEqual(new Set([good]));
    await pause('2000-01-01T00:00:00Z');
    hands.puller.pullAnew();
    await waitUntil(() => hands.taken.length === 14, 1_000);
    await hands.stop();
  });

  it('by a message that is no ticket is put away, so that it holds up nothing', async () => {
    const queue = await freshQueue();
    nats.publish(`tasks.${queue}.p5.someone.junk`, '{}');
    nats.publish(`tasks.${queue}.p5`, '{}');
    const hands = new Hands(2, { queues: [queue] }, (ticket) => hands.finish(ticket));
    await submitAll(queue, ['p5']);
    await waitUntil(() => hands.taken.length === 1);
    await waitUntil(async () => (await state(queue, 'p5')).num_ack_pending === 0, 1_000);
    await hands.stop();
  });
});
