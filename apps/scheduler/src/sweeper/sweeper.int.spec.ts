import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NO_TASK, decide } from '@millrace/domain';
import type { Command, Fact } from '@millrace/domain';
import { streams, subjects } from '@millrace/log';
import type { TaskLog, TaskRef, Ticket } from '@millrace/log';
import { SweepQueries, TaskQueries, openDatabase } from '@millrace/read-model';
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
import type { TestApp } from '@millrace/testing';
import { Sweeper } from './sweeper.js';
import type { SweeperOptions } from './sweeper.js';

const PROJECTOR = new URL('../../../projector/dist/main.js', import.meta.url);
const logger = createLogger({ app: 'test', level: 'fatal', format: 'json' });
const ends: (() => Promise<unknown>)[] = [];
let natsUrl: string;
let databaseUrl: string;
let log: TaskLog;
let database: Database;
let projector: TestApp;
const notes: { task_id: string; what: string; sequence: number; because: string }[] = [];

const startProjector = (): TestApp => spawnApp(PROJECTOR, { NATS_URL: natsUrl, DATABASE_URL: databaseUrl });

beforeAll(async () => {
  const [nats, postgres] = await Promise.all([startTestNats(), shareTestPostgres()]);
  ends.push(nats.stop, postgres.stop);
  natsUrl = nats.url;
  databaseUrl = await postgres.freshDatabase();
  log = await openTestLog(natsUrl);
  database = openDatabase(databaseUrl);
  projector = startProjector();
  ends.unshift(
    () => log.close(),
    () => database.close(),
    () => projector.kill(),
  );
  log.follow({
    stream: streams.ops.name,
    from: 1,
    filters: ['ops.task.repaired'],
    onMessages: (messages) => {
      for (const { payload } of messages) notes.push(JSON.parse(payload) as (typeof notes)[number]);
    },
  });
});

afterAll(async () => {
  for (const end of ends) await end();
});

const actor = { actor: 'test' };
let queues = 0;
/** A queue of the test's own, with its consumers. */
async function aQueue(): Promise<string> {
  const queue = `q${++queues}`;
  await log.provisionQueue(queue, 'test');
  return queue;
}

const aSweeper = (options: Partial<SweeperOptions> = {}): Sweeper =>
  new Sweeper({ log, tables: new SweepQueries(database), logger, quietMs: 0, overdueAfterMs: 0, ...options });

async function submit(queue: string, task_id: string, not_before?: string): Promise<Fact> {
  const command = { ...aSubmission(), ...(not_before !== undefined && { not_before }) };
  return changed({ queue, task_id }, command);
}

async function changed(ref: TaskRef, command: Command): Promise<Fact> {
  if (command.type !== 'submit') return (await log.change(ref, command, actor)).fact!;
  return log.append(ref, 0, decide(command, NO_TASK, { now: Date.now(), random: 0 })!, actor);
}

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const notesOf = (task_id: string) => notes.filter((note) => note.task_id === task_id);
const last = (queue: string, task_id: string) => log.read.lastFact({ queue, task_id });

/** The rows tell of everything up to the fact. */
const projected = (sequence: number): Promise<unknown> =>
  waitUntil(async () => (await new TaskQueries(database).projection()).sequence >= sequence);

/** Takes the next tickets of a queue as a worker would, and does with each what the test says. */
async function take(queue: string, count: number, settle: (ticket: Ticket) => void): Promise<Ticket[]> {
  const tickets: Ticket[] = [];
  const puller = log.pull({
    queues: [queue],
    free: () => count - tickets.length,
    onTicket: (ticket) => {
      tickets.push(ticket);
      settle(ticket);
    },
  });
  await waitUntil(() => tickets.length >= count, { what: `${count} tickets of ${queue}` });
  await puller.stop();
  return tickets;
}

/** An acknowledgement that should not have been: its ticket is gone, its task still needs it. */
async function loseTickets(queue: string, count = 1): Promise<void> {
  const tickets = await take(queue, count, (ticket) => {
    ticket.ack();
  });
  const highest = Math.max(...tickets.map(({ sequence }) => sequence));
  await waitUntil(async () => ((await log.admin.ackFloors(queue)).get('p5') ?? 0) >= highest, {
    what: 'the ack floor to pass the tickets',
  });
}

/** What an operator could do by `nats stream purge TASKS --subject …`: no function of ours does it. */
async function purgeSubject(subject: string): Promise<void> {
  const { hostname, port, username, password } = new URL(natsUrl);
  const body = JSON.stringify({ filter: subject });
  const login = JSON.stringify({ user: username, pass: password, verbose: false, pedantic: false });
  const socket = connect(Number(port), hostname);
  await new Promise<void>((done, failed) => {
    socket.on('error', failed);
    socket.on('data', (data) => {
      if (data.toString().includes('PONG')) done();
    });
    socket.write(`CONNECT ${login}\r\nPUB $JS.API.STREAM.PURGE.TASKS ${body.length}\r\n${body}\r\nPING\r\n`);
  });
  socket.destroy();
  await waitUntil(async () => !(await log.admin.hasMessages(subject)));
}

describe('a ready task whose ticket is lost', () => {
  it('gets a new one, is told of, and is left alone from then on', async () => {
    const queue = await aQueue();
    await submit(queue, 'ready-1');
    await loseTickets(queue);
    const lost = (await last(queue, 'ready-1'))!;
    await projected(lost.sequence);
    expect(await aSweeper().round()).toBe(false);
    const repaired = (await last(queue, 'ready-1'))!;
    expect(repaired).toMatchObject({
      kind: 'p5',
      prev: lost.sequence,
      actor: 'scheduler',
      data: { reason: 'repaired' },
    });
    await waitUntil(() => notesOf('ready-1').length === 1);
    expect(notesOf('ready-1')[0]).toMatchObject({ queue, what: 'ticket', sequence: repaired.sequence });
    // The rows may still be the old ones: the log knows better.
    await aSweeper().round();
    await projected(repaired.sequence);
    await aSweeper().round();
    expect((await last(queue, 'ready-1'))?.sequence).toBe(repaired.sequence);
    const [ticket] = await take(queue, 1, (given) => {
      given.ack();
    });
    expect(ticket).toMatchObject({ sequence: repaired.sequence, task_id: 'ready-1' });
  });

  it('is repaired once by two sweepers at once', async () => {
    const queue = await aQueue();
    const ids = Array.from({ length: 20 }, (_, i) => `twice-${i}`);
    for (const id of ids) await submit(queue, id);
    await loseTickets(queue, ids.length);
    await projected((await last(queue, ids.at(-1)!))!.sequence);
    await Promise.all([aSweeper().round(), aSweeper().round()]);
    await waitUntil(() => notes.filter(({ task_id }) => ids.includes(task_id)).length >= ids.length);
    for (const id of ids) {
      expect(await log.read.history({ queue, task_id: id })).toHaveLength(2);
      expect(notesOf(id)).toHaveLength(1);
    }
  });

  it('waits for the next round when there are too many', async () => {
    const queue = await aQueue();
    for (const id of ['many-1', 'many-2', 'many-3']) await submit(queue, id);
    await loseTickets(queue, 3);
    await projected((await last(queue, 'many-3'))!.sequence);
    const sweeper = aSweeper({ repairsAtMost: 2 });
    expect(await sweeper.round()).toBe(true);
    expect(await sweeper.round()).toBe(false);
    await waitUntil(() => notes.filter(({ task_id }) => task_id.startsWith('many-')).length === 3);
  });

  it('is only a suspicion: a task that has moved on in the log is left', async () => {
    const queue = await aQueue();
    const ready = await submit(queue, 'moved');
    await projected(ready.sequence);
    await projector.kill();
    await loseTickets(queue);
    const { sequence } = await changed({ queue, task_id: 'moved' }, { type: 'cancel' });
    await aSweeper({ patienceMs: 0 }).round();
    expect((await last(queue, 'moved'))?.sequence).toBe(sequence);
    expect(notesOf('moved')).toHaveLength(0);
    projector = startProjector();
    await projected(sequence);
  });
});

describe('a round while the read model is behind', () => {
  it('waits until the rows tell of all that was in the log', async () => {
    const queue = await aQueue();
    await projected((await submit(queue, 'behind')).sequence);
    await projector.kill();
    await loseTickets(queue);
    const { sequence } = await changed({ queue, task_id: 'behind' }, { type: 'cancel' });
    const round = aSweeper({ patienceMs: 60_000 }).round();
    projector = startProjector();
    await round;
    expect((await new TaskQueries(database).projection()).sequence).toBeGreaterThanOrEqual(sequence);
    expect(notesOf('behind')).toHaveLength(0);
  });
});

describe('a running task whose ticket is lost', () => {
  async function running(task_id: string, worker: string): Promise<{ queue: string; fact: Fact }> {
    const queue = await aQueue();
    const { sequence: ticket } = await submit(queue, task_id);
    const fact = await changed({ queue, task_id }, { type: 'claim', worker, ticket });
    await loseTickets(queue);
    await projected(fact.sequence);
    return { queue, fact };
  }

  it('is ready again when its worker is dead; the attempt counts as lost', async () => {
    const { queue, fact } = await running('dead', 'worker-dead');
    await aSweeper().round();
    expect(await last(queue, 'dead')).toMatchObject({
      kind: 'p5',
      prev: fact.sequence,
      data: { reason: 'repaired', attempts: { begun: 1, lost: 1 } },
    });
  });

  it('is left alone when its worker lives, and ends undisturbed', async () => {
    log.answerRuns('worker-alive', () => true);
    const { queue, fact } = await running('alive', 'worker-alive');
    await aSweeper().round();
    expect((await last(queue, 'alive'))?.sequence).toBe(fact.sequence);
    const end = { type: 'succeed', token: fact.sequence, result: 1, duration_ms: 1 } as const;
    expect((await changed({ queue, task_id: 'alive' }, end)).prev).toBe(fact.sequence);
  });

  it('is left alone shortly after a (re)connect: its worker may not be back', async () => {
    const { queue, fact } = await running('quiet', 'worker-quiet');
    await aSweeper({ quietMs: 3_600_000 }).round();
    expect((await last(queue, 'quiet'))?.sequence).toBe(fact.sequence);
    await changed({ queue, task_id: 'quiet' }, { type: 'cancel' });
  });

  it('is left alone while its ticket is not acknowledged, though its worker is dead', async () => {
    const queue = await aQueue();
    const { sequence: ticket } = await submit(queue, 'held-ticket');
    await take(queue, 1, () => undefined);
    const fact = await changed(
      { queue, task_id: 'held-ticket' },
      { type: 'claim', worker: 'nobody', ticket },
    );
    await projected(fact.sequence);
    await aSweeper().round();
    expect((await last(queue, 'held-ticket'))?.sequence).toBe(fact.sequence);
  });
});

describe('a wait that is overdue', () => {
  it('has its timer armed anew when that is lost', async () => {
    const queue = await aQueue();
    const ref = { queue, task_id: 'no-timer' };
    const wait = await submit(queue, ref.task_id, inMs(1_500));
    await purgeSubject(subjects.timer(ref, wait.sequence));
    await projected(wait.sequence);
    // Not before it is overdue.
    await aSweeper().round();
    expect(await log.admin.hasTimer(ref, wait.sequence)).toBe(false);
    await waitUntil(() => Date.now() > Date.parse(wait.at) + 1_600);
    await aSweeper().round();
    const [ticket] = await take(queue, 1, (given) => {
      given.ack();
    });
    expect(ticket).toMatchObject({ task_id: 'no-timer', due: true });
    expect((await last(queue, 'no-timer'))?.sequence).toBe(wait.sequence);
    await waitUntil(() => notesOf('no-timer').length === 1);
    expect(notesOf('no-timer')[0]).toMatchObject({ what: 'timer', sequence: wait.sequence });
    await changed(ref, { type: 'cancel' });
  });

  it('has its timer armed anew when the ticket it fired was acknowledged wrongly', async () => {
    const queue = await aQueue();
    const wait = await submit(queue, 'due-lost', inMs(50));
    await loseTickets(queue);
    await projected(wait.sequence + 1);
    await aSweeper().round();
    const [ticket] = await take(queue, 1, () => undefined);
    expect(ticket).toMatchObject({ task_id: 'due-lost', due: true });
    await waitUntil(() => notesOf('due-lost').length === 1);
    expect(notesOf('due-lost')[0]?.because).toContain('ack floor');
  });

  it('is well while its ticket waits in a long lane, also if the read model has not seen the ticket', async () => {
    const queue = await aQueue();
    const ids = Array.from({ length: 1_000 }, (_, i) => `backlog-${i}`);
    // Late enough for the projector to be stopped before the first one fires, also on a busy machine.
    const until = inMs(5_000);
    const waits = await Promise.all(ids.map((id) => submit(queue, id, until)));
    await projected(Math.max(...waits.map(({ sequence }) => sequence)));
    await projector.kill();
    const pending = async (): Promise<boolean> =>
      log.admin.hasMessages(subjects.timersOf({ queue, task_id: '*' }));
    await waitUntil(async () => !(await pending()), { what: 'all timers to fire', timeoutMs: 20_000 });
    const told = notes.length;
    const { lastSequence } = await log.admin.state();
    // No row has a `.due` yet: every one is a suspicion.
    const floors = await log.admin.ackFloors(queue);
    expect(await new SweepQueries(database).overdueWaits(queue, floors, new Date(), 5_000)).toHaveLength(
      1_000,
    );
    expect(await aSweeper({ patienceMs: 0 }).round()).toBe(false);
    projector = startProjector();
    await projected(lastSequence);
    expect(await aSweeper().round()).toBe(false);
    expect((await log.admin.state()).lastSequence).toBe(lastSequence);
    expect(notes).toHaveLength(told);
  });
});

describe('a wait for a signal', () => {
  /** A run that waits; with a deadline it is scheduled, without held. */
  async function waiting(
    queue: string,
    task_id: string,
    until?: string,
  ): Promise<{ wait: Fact; token: number }> {
    const task = { queue, task_id };
    const { sequence: ticket } = await submit(queue, task_id);
    const { sequence: token } = await changed(task, { type: 'claim', worker: 'w', ticket });
    const wait = await changed(task, {
      type: 'suspend',
      token,
      waiting_for: 'signal:go',
      duration_ms: 1,
      ...(until !== undefined && { until }),
    });
    return { wait, token };
  }

  /** As a gateway that died before it could end the wait. */
  const ask = (queue: string, task_id: string, name: string): Promise<number> =>
    log.ask({ queue, task_id }, 'signal', { name, payload: null, at: inMs(0), actor: 'test' });

  it.each([
    ['without a deadline', undefined],
    ['with one', inMs(3_600_000)],
  ])('%s is ended when the signal is there, and told of', async (what, until) => {
    const queue = await aQueue();
    const id = `signalled-${what.length}`;
    const { wait } = await waiting(queue, id, until);
    await ask(queue, id, 'other');
    await projected(wait.sequence);
    await aSweeper().round();
    expect((await last(queue, id))?.sequence).toBe(wait.sequence);
    const signal = await ask(queue, id, 'go');
    await Promise.all([aSweeper().round(), aSweeper().round()]);
    const released = (await last(queue, id))!;
    expect(released).toMatchObject({
      kind: 'p5',
      prev: wait.sequence,
      actor: 'scheduler',
      data: { reason: 'released' },
    });
    await waitUntil(() => notesOf(id).length === 1);
    expect(notesOf(id)[0]).toMatchObject({ what: 'signal', sequence: released.sequence });
    expect(notesOf(id)[0]!.because).toContain(String(signal));
    await projected(released.sequence);
    await aSweeper().round();
    expect((await last(queue, id))?.sequence).toBe(released.sequence);
  });

  it('goes on when the signal came before its attempt, which has looked itself', async () => {
    const queue = await aQueue();
    await submit(queue, 'early');
    await ask(queue, 'early', 'go');
    const ticket = (await last(queue, 'early'))!.sequence;
    const { sequence: token } = await changed(
      { queue, task_id: 'early' },
      { type: 'claim', worker: 'w', ticket },
    );
    const wait = await changed(
      { queue, task_id: 'early' },
      { type: 'suspend', token, waiting_for: 'signal:go', duration_ms: 1 },
    );
    await projected(wait.sequence);
    await aSweeper().round();
    expect((await last(queue, 'early'))?.sequence).toBe(wait.sequence);
  });

  it('is left to whoever sent the signal for as long as that may take', async () => {
    const queue = await aQueue();
    const { wait } = await waiting(queue, 'fresh');
    await ask(queue, 'fresh', 'go');
    await projected(wait.sequence);
    await aSweeper({ overdueAfterMs: 60_000 }).round();
    expect((await last(queue, 'fresh'))?.sequence).toBe(wait.sequence);
  });
});

describe('a task that may no longer start', () => {
  it('expires while it waits, which is no repair', async () => {
    const queue = await aQueue();
    const spec = { ...aSubmission().spec, expires_at: inMs(200) };
    const waiting = await changed({ queue, task_id: 'late' }, { ...aSubmission(), spec });
    const started = await changed({ queue, task_id: 'started' }, { ...aSubmission(), spec });
    await changed({ queue, task_id: 'started' }, { type: 'claim', worker: 'w', ticket: started.sequence });
    await projected(started.sequence + 1);
    await waitUntil(() => Date.now() > Date.parse(spec.expires_at));
    await aSweeper().round();
    expect(await last(queue, 'late')).toMatchObject({
      kind: 'cancelled',
      prev: waiting.sequence,
      data: { reason: 'expired' },
    });
    expect((await last(queue, 'started'))?.kind).toBe('started');
    expect(notesOf('late')).toHaveLength(0);
  });
});

describe('the record of a queue', () => {
  it('names a sequence below which no ticket of it lives', async () => {
    const queue = await aQueue();
    const other = await aQueue();
    const done = await submit(queue, 'least-done');
    await changed({ queue, task_id: 'least-done' }, { type: 'cancel' });
    const live = await submit(queue, 'least-live');
    const claimed = { type: 'claim', worker: 'w', ticket: live.sequence } as const;
    const fact = await changed({ queue, task_id: 'least-live' }, claimed);
    await projected(fact.sequence);
    await aSweeper().round();
    const least = async (of: string) => (await log.buckets.queues.get(of))?.value.least_ticket;
    expect(await least(queue)).toBe(live.sequence);
    expect(live.sequence).toBeGreaterThan(done.sequence);
    // Nothing of this queue lives: everything the rows know may be left out.
    expect(await least(other)).toBeGreaterThanOrEqual(fact.sequence);
  });
});
