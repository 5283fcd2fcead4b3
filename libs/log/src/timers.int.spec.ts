import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Fact } from '@millrace/domain';
import { decodeDue } from './codec.js';
import { ConcurrencyError } from './errors.js';
import type { TaskLog } from './task-log.js';
import { Broker } from './testing/broker.js';
import { collectTickets } from './testing/tickets.js';
import { BY_TEST, CARD, cancelled, newTask, started, submit, waiting } from './testing/tasks.js';
import { waitUntil } from './testing/wait-until.js';

type Wait = Fact & { kind: 'scheduled' };

let broker: Broker;
let log: TaskLog;
beforeAll(async () => {
  broker = await Broker.start();
  log = await broker.open();
});
afterAll(() => broker.stop());

let queues = 0;

/** A queue of its own for each test, and what is pulled from it. */
async function freshQueue() {
  const queue = `timed${++queues}`;
  await log.provisionQueue(queue, 'test');
  return { queue, tickets: collectTickets(log, queue) };
}

const wait = async (ref: { queue: string; task_id: string }, delayMs: number): Promise<Wait> =>
  (await log.append(ref, 0, waiting(delayMs, 'p7'), BY_TEST)) as Wait;

describe('the timer of a wait', () => {
  it('fires as a ticket of its lane that names the wait and holds all of it', async () => {
    const { queue, tickets } = await freshQueue();
    const ref = newTask(queue);
    const fact = await wait(ref, 300);
    expect(await log.admin.hasTimer(ref, fact.sequence)).toBe(true);
    await waitUntil(() => tickets.length === 1);
    const [ticket] = tickets;
    expect(ticket).toMatchObject({ ...ref, lane: 'p7', due: true });
    expect(decodeDue(ticket!, ticket!.sequence, ticket!.payload)).toEqual({
      after: fact.sequence,
      wait: fact,
    });
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(fact.data.until));
    expect(await log.admin.hasTimer(ref, fact.sequence)).toBe(false);
  });

  it('is claimed on the wait that it served', async () => {
    const { queue, tickets } = await freshQueue();
    const ref = newTask(queue);
    const fact = await wait(ref, 0);
    await waitUntil(() => tickets.length === 1);
    const claim = await log.append(ref, fact.sequence, started(tickets[0]!.sequence), BY_TEST);
    expect((await log.read.task(ref)) as object).toMatchObject({
      phase: 'running',
      sequence: claim.sequence,
      spec: CARD.task,
      run: { ticket: tickets[0]!.sequence },
    });
  });

  it('does not disturb the chain of facts when it fires, however late', async () => {
    const { queue, tickets } = await freshQueue();
    const ref = newTask(queue);
    const fact = await wait(ref, 200);
    const end = await log.append(ref, fact.sequence, cancelled(), BY_TEST);
    await waitUntil(() => tickets.length === 1);
    expect((await log.read.lastFact(ref))?.sequence).toBe(end.sequence);
    const claim = log.append(ref, fact.sequence, started(tickets[0]!.sequence), BY_TEST);
    await expect(claim).rejects.toEqual(new ConcurrencyError(fact.sequence, end.sequence));
  });

  it('is not armed for a wait that is over', async () => {
    const ref = newTask();
    const ticket = await submit(log, ref);
    const past = await log.append(ref, ticket.sequence, waiting(3_600_000), BY_TEST);
    await log.append(ref, past.sequence, cancelled(), { ...BY_TEST, endsWait: past.sequence });
    await log.arm(past as Wait);
    expect(await log.admin.hasTimer(ref, past.sequence)).toBe(false);
  });

  it('goes with the write that ends the wait', async () => {
    const ref = newTask();
    const fact = await wait(ref, 3_600_000);
    const { fact: end } = await log.change(ref, { type: 'cancel' }, BY_TEST);
    expect(end).toMatchObject({ kind: 'cancelled', prev: fact.sequence });
    expect(await log.admin.hasTimer(ref, fact.sequence)).toBe(false);
  });

  it('may be gone already when the wait ends', async () => {
    const { queue, tickets } = await freshQueue();
    const ref = newTask(queue);
    const fact = await wait(ref, 0);
    await waitUntil(() => tickets.length === 1);
    const { fact: end } = await log.change(ref, { type: 'cancel' }, BY_TEST);
    expect(end?.prev).toBe(fact.sequence);
  });

  it('is apart from that of the next wait: an earlier one that fires leaves the later one armed', async () => {
    const { queue, tickets } = await freshQueue();
    const ref = newTask(queue);
    const first = await wait(ref, 400);
    const second = await log.append(ref, first.sequence, waiting(1_500, 'p7'), BY_TEST);
    expect(await log.admin.hasTimer(ref, first.sequence)).toBe(true);
    await waitUntil(() => tickets.length === 1);
    expect(await log.admin.hasTimer(ref, second.sequence)).toBe(true);
    await waitUntil(() => tickets.length === 2);
    expect(tickets.map((ticket) => decodeDue(ticket, ticket.sequence, ticket.payload).after)).toEqual([
      first.sequence,
      second.sequence,
    ]);
  });

  it('fires after a crash of the broker, also when its time has passed meanwhile', async () => {
    const { queue, tickets } = await freshQueue();
    const [soon, later] = [newTask(queue), newTask(queue)];
    await Promise.all([wait(soon, 100), wait(later, 2_000)]);
    await broker.kill();
    await new Promise((go) => setTimeout(go, 150));
    await broker.restart();
    const ids = (): Set<string> => new Set(tickets.map(({ task_id }) => task_id));
    await waitUntil(() => ids().size === 2);
    expect(ids()).toEqual(new Set([soon.task_id, later.task_id]));
  });
});
