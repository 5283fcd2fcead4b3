import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { NO_TASK, decide } from '@millrace/domain';
import type { Command, Fact, Json } from '@millrace/domain';
import { decodeDue, streams, subjects } from '@millrace/log';
import type { TaskLog, Ticket } from '@millrace/log';
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
import type { SharedPostgres, TestApp, TestNats } from '@millrace/testing';
import { AlertBook } from '../alerts/alert-book.js';
import { Announcer } from '../alerts/announcer.js';
import { Alerts } from '../patrol/alerts.js';
import { Janitor } from './janitor.js';
import { dropKeptFacts } from './kept-facts.js';
import type { JanitorOptions } from './janitor.js';

const PROJECTOR = new URL('../../../projector/dist/main.js', import.meta.url);
const logger = createLogger({ app: 'test', level: 'fatal', format: 'json' });
const QUEUE = 'films';
const HOUR_MS = 3_600_000;
/** More than is copied from ticket to ticket: named by the sequence of the first fact. */
const LONG: Json = { script: 'x'.repeat(9_000) };

let postgres: SharedPostgres;
let nats: TestNats;
let databaseUrl: string;
let log: TaskLog;
let database: Database;
let projector: TestApp;
let alerts: Alerts;
let raised: { subject: string; payload: string }[];

beforeAll(async () => {
  postgres = await shareTestPostgres();
});

afterAll(() => postgres.stop());

/** A log of its own, and a projector that puts it into tables of their own. */
async function openWorld(): Promise<void> {
  nats = await startTestNats();
  databaseUrl = await postgres.freshDatabase();
  log = await openTestLog(nats.url);
  await log.provisionQueue(QUEUE, 'test');
  database = openDatabase(databaseUrl);
  projector = startProjector();
  alerts = new Alerts(log, new AlertBook(log.buckets.alerts, new Announcer(log, logger)));
  raised = [];
  log.follow({
    stream: streams.ops.name,
    from: 1,
    filters: ['ops.alert.>'],
    onMessages: (messages) => void raised.push(...messages),
  });
}

async function closeWorld(): Promise<void> {
  await projector.kill();
  await Promise.all([log.close(), database.close()]);
  await nats.stop();
}

const startProjector = (): TestApp => spawnApp(PROJECTOR, { NATS_URL: nats.url, DATABASE_URL: databaseUrl });

/** A janitor for whom everything is too old. */
const aJanitor = (options: Partial<JanitorOptions> = {}): Janitor =>
  new Janitor({
    log,
    tables: new SweepQueries(database),
    logger,
    alerts,
    retentionMs: 1,
    retentionTasks: 1_000_000,
    ...options,
  });

const actor = { actor: 'test' };

async function changed(task_id: string, command: Command): Promise<Fact> {
  const ref = { queue: QUEUE, task_id };
  if (command.type !== 'submit') return (await log.change(ref, command, actor)).fact!;
  return log.append(ref, 0, decide(command, NO_TASK, { now: Date.now(), random: 0 })!, actor);
}

const submit = (task_id: string, more: { parameters?: Json; not_before?: string } = {}): Promise<Fact> =>
  changed(task_id, { ...aSubmission(), ...more });

const claim = (task_id: string, ticket: number, after?: number): Promise<Fact> =>
  changed(task_id, { type: 'claim', worker: 'w', ticket, ...(after !== undefined && { after }) });

const succeed = (task_id: string, token: number): Promise<Fact> =>
  changed(task_id, { type: 'succeed', token, result: 1, duration_ms: 1 });

/** A task from its first fact to its last. */
async function finished(task_id: string): Promise<Fact> {
  const { sequence: ticket } = await submit(task_id);
  return succeed(task_id, (await claim(task_id, ticket)).sequence);
}

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const last = (task_id: string) => log.read.lastFact({ queue: QUEUE, task_id });
const stateOf = (task_id: string) => log.read.task({ queue: QUEUE, task_id });
const firstSequence = async () => (await log.admin.state()).firstSequence;

async function projected(): Promise<number> {
  const message = await log.read.lastOn('tasks.>');
  const sequence = message?.sequence ?? 0;
  // The projector may only just have been started.
  await waitUntil(async () => (await new TaskQueries(database).projection()).sequence >= sequence, {
    timeoutMs: 25_000,
  });
  return sequence;
}

describe('the log beyond its limits', () => {
  // One for all: each test looks at what comes of tasks of its own.
  beforeAll(openWorld);
  afterAll(closeWorld);

  it('is purged up to what was projected when nobody needs it', async () => {
    for (const id of ['a', 'b', 'c']) await finished(id);
    const sequence = await projected();
    await aJanitor().round();
    expect(await log.admin.state()).toMatchObject({ firstSequence: sequence, messages: 1 });
    // The archive has it all.
    expect(await new TaskQueries(database).events('a')).toHaveLength(3);
  });

  it('keeps what is younger than the age limit', async () => {
    const before = await firstSequence();
    await finished('young');
    expect(await projected()).toBeGreaterThan(before);
    await aJanitor({ retentionMs: HOUR_MS }).round();
    expect(await firstSequence()).toBe(before);
  });

  it('keeps so many finished tasks, whatever their age', async () => {
    const ends: Fact[] = [];
    for (const id of ['k', 'l', 'm', 'n', 'o']) ends.push(await finished(id));
    await projected();
    await aJanitor({ retentionMs: HOUR_MS, retentionTasks: 2 }).round();
    expect(await firstSequence()).toBe(ends[3]!.sequence);
  });

  it('is purged no further than a projector that is behind', async () => {
    await finished('seen');
    const behind = await projected();
    await projector.kill();
    await finished('unseen');
    await aJanitor().round();
    expect(await firstSequence()).toBe(behind);
    projector = startProjector();
    await projected();
    expect(await new TaskQueries(database).events('unseen')).toHaveLength(3);
  });
});

describe('waits beyond the limits', () => {
  beforeEach(openWorld);
  afterEach(closeWorld);

  it('are carried whole, and nothing below them stays', async () => {
    const submitted = await submit('paused', { parameters: LONG });
    await changed('paused', { type: 'pause', reason: 'asked' });
    const retried = await submit('retried', { parameters: LONG });
    const { sequence: token } = await claim('retried', retried.sequence);
    const error = { name: 'Error', message: 'no' };
    await changed('retried', { type: 'fail', token, error, retryable: true, duration_ms: 1 });
    const until = inMs(HOUR_MS);
    await submit('delayed', { not_before: until });
    await finished('other');
    const sequence = await projected();
    await aJanitor().round();
    expect(await firstSequence()).toBe(sequence);
    expect(sequence).toBeGreaterThan(submitted.sequence);
    expect(await last('paused')).toMatchObject({ kind: 'paused', data: { carried: 2, parameters: LONG } });
    expect(await stateOf('paused')).toMatchObject({ phase: 'paused', parameters: LONG, reason: 'asked' });
    expect(await stateOf('retried')).toMatchObject({
      phase: 'scheduled',
      reason: 'retry',
      error,
      parameters: LONG,
      attempts: { begun: 1, failed: 1 },
    });
    const delayed = (await last('delayed'))!;
    expect(delayed).toMatchObject({ kind: 'scheduled', actor: 'scheduler', data: { until } });
    expect(await log.admin.hasTimer({ queue: QUEUE, task_id: 'delayed' }, delayed.sequence)).toBe(true);
    // The task is whole: it goes on as if nothing had happened.
    const resumed = await changed('paused', { type: 'resume' });
    const { sequence: running } = await claim('paused', resumed.sequence);
    const state = await stateOf('paused');
    expect(state.phase !== 'none' && (await log.read.parametersOf(state))).toEqual(LONG);
    await succeed('paused', running);
    await projected();
    expect(await new TaskQueries(database).get('paused')).toMatchObject({
      status: 'SUCCESS',
      parameters: LONG,
    });
  });

  it('fire after their carry, once', async () => {
    await finished('before');
    await projected();
    const before = await submit('delayed', { not_before: inMs(1_500) });
    await finished('after');
    await projected();
    await aJanitor().round();
    const carried = (await last('delayed'))!;
    expect(carried.prev).toBe(before.sequence);
    const tickets: Ticket[] = [];
    const puller = log.pull({
      queues: [QUEUE],
      free: () => 10,
      onTicket: (ticket) => void tickets.push(ticket),
    });
    const ticket = await waitUntil(() => tickets[0]);
    const { after } = decodeDue(ticket, ticket.sequence, ticket.payload);
    expect(after).toBe(carried.sequence);
    const { sequence: token } = await claim('delayed', ticket.sequence, after);
    await succeed('delayed', token);
    expect(await log.admin.hasMessages(subjects.allTimers)).toBe(false);
    expect(tickets).toHaveLength(1);
    await puller.stop();
  });

  it('are carried once, however often and by however many janitors', async () => {
    for (const id of ['a', 'b', 'c']) {
      await submit(id);
      await changed(id, { type: 'pause', reason: 'asked' });
    }
    await projected();
    // The rows stay as they are: only the log knows of the carry.
    await projector.kill();
    await Promise.all([aJanitor().round(), aJanitor().round()]);
    const { lastSequence } = await log.admin.state();
    expect(lastSequence).toBe(9);
    await aJanitor().round();
    projector = startProjector();
    await projected();
    const first = await firstSequence();
    await aJanitor({ retentionMs: HOUR_MS }).round();
    expect(await log.admin.state()).toMatchObject({ lastSequence, firstSequence: first });
  });

  it('are not carried again when the janitor was killed before its purge', async () => {
    for (const id of ['a', 'b', 'c']) {
      await submit(id);
      await changed(id, { type: 'pause', reason: 'asked' });
    }
    const sequence = await projected();
    await projector.kill();
    Object.assign(log.admin, { purgeBelow: () => Promise.reject(new Error('killed')) });
    await expect(aJanitor().round()).rejects.toThrow('killed');
    Reflect.deleteProperty(log.admin, 'purgeBelow');
    expect(await log.admin.state()).toMatchObject({ firstSequence: 1, lastSequence: 9 });
    await aJanitor().round();
    expect((await log.admin.state()).lastSequence).toBe(9);
    expect(await firstSequence()).toBeGreaterThanOrEqual(sequence);
  });

  it('that are too many for one round hold the log back until the next', async () => {
    const ids = Array.from({ length: 1_500 }, (_, i) => `wait-${i}`);
    const waits = await Promise.all(ids.map((id) => submit(id, { not_before: inMs(HOUR_MS) })));
    const sequence = await projected();
    // Else the waits would be too old again as soon as their carry is projected.
    await projector.kill();
    const janitor = aJanitor({ carriedAtMost: 1 });
    expect(await janitor.round()).toBe(true);
    const inOrder = waits.map((wait) => wait.sequence).sort((a, b) => a - b);
    expect(await firstSequence()).toBeGreaterThan(inOrder[999]!);
    expect(await firstSequence()).toBeLessThanOrEqual(inOrder[1_000]!);
    expect(await janitor.round()).toBe(false);
    expect(await firstSequence()).toBeGreaterThanOrEqual(sequence);
    const states = await Promise.all(ids.map((id) => stateOf(id)));
    expect(states.every((state) => state.phase === 'scheduled' && state.parameters !== undefined)).toBe(true);
  });

  it('take along the signals that they have not taken, in their order', async () => {
    await submit('signalled');
    const paused = await changed('signalled', { type: 'pause', reason: 'asked' });
    const ref = { queue: QUEUE, task_id: 'signalled' };
    const sent = [await log.signal(ref, { name: 'go', payload: 1 }, actor)];
    await finished('other');
    const sequence = await projected();
    sent.push(await log.signal(ref, { name: 'go', payload: 2 }, actor));
    const janitor = aJanitor();
    await janitor.round();
    expect(await last('signalled')).toMatchObject({ data: { carried: paused.sequence } });
    expect(await firstSequence()).toBe(sequence);
    const signals = await log.read.signals(ref, 0);
    expect(signals).toMatchObject([
      { sequence: sent[0], payload: 1 },
      { sequence: sent[1], payload: 2 },
    ]);
    // A run that has taken the first one finds the second one only, wherever they stand by now.
    expect(await log.read.signals(ref, sent[0]!)).toMatchObject([{ payload: 2 }]);
    for (let round = 0; round < 3; round++) {
      await finished(`another-${round}`);
      await projected();
      await janitor.round();
      expect(await log.read.signals(ref, 0)).toHaveLength(2);
    }
    expect(await firstSequence()).toBeGreaterThan(sent[1]!);
    expect(raised).toEqual([]);
  });

  it('leave their checkpoints and steps where whoever names them finds them', async () => {
    const { sequence: ticket } = await submit('leaning');
    const { sequence: token } = await claim('leaning', ticket);
    const record = (name: string, order: number, before: number[]) =>
      changed('leaning', {
        type: 'record-step',
        token,
        step: { name, type: 'step', order, result: `${name} done`, ...(before.length > 0 && { before }) },
      });
    const early = await record('early', 1, []);
    const state = { at: 'x'.repeat(300_000) };
    const checkpoint = await changed('leaning', {
      type: 'save-checkpoint',
      token,
      state,
      steps: { early: early.sequence },
    });
    const first = await record('first', 1, []);
    const second = await record('second', 2, [first.sequence]);
    await changed('leaning', { type: 'pause', reason: 'asked', token });
    const janitor = aJanitor();
    for (let round = 0; round < 3; round++) {
      await finished(`other-${round}`);
      await projected();
      await janitor.round();
    }
    expect(await firstSequence()).toBeGreaterThan(second.sequence);
    expect(await stateOf('leaning')).toMatchObject({
      phase: 'paused',
      checkpoint: checkpoint.sequence,
      step: second.sequence,
    });
    for (const fact of [early, checkpoint, first, second]) {
      expect(await log.read.factAt(fact.sequence)).toBeUndefined();
      expect(await log.read.recordAt(fact.sequence)).toEqual(fact);
    }
    // As long as it has not ended.
    await dropKeptFacts(log, new SweepQueries(database), undefined, 0);
    expect(await log.read.recordAt(early.sequence)).toEqual(early);
    await changed('leaning', { type: 'cancel' });
    await projected();
    expect(await dropKeptFacts(log, new SweepQueries(database), undefined, 60_000)).toBe(0);
    expect(await dropKeptFacts(log, new SweepQueries(database), undefined, 0)).toBe(4);
    expect(await log.read.recordAt(early.sequence)).toBeUndefined();
  });

  it('hold the log back when they are due', async () => {
    await finished('gone');
    const due = await submit('due', { not_before: inMs(10) });
    await waitUntil(async () => (await log.read.lastOn(`tasks.${QUEUE}.p5.due.due`)) !== undefined);
    await finished('kept-too');
    await projected();
    await aJanitor().round();
    expect(await firstSequence()).toBe(due.sequence);
    expect((await last('due'))?.sequence).toBe(due.sequence);
  });
});

describe('a running task beyond the limits', () => {
  beforeEach(openWorld);
  afterEach(closeWorld);

  it('is not touched, holds the log back, is told of once, and ends', async () => {
    await finished('gone');
    const first = await submit('running', { parameters: LONG });
    const { sequence: token } = await claim('running', first.sequence);
    await finished('kept');
    await projected();
    await aJanitor().round();
    expect(await firstSequence()).toBe(first.sequence);
    expect((await last('running'))?.sequence).toBe(token);
    await aJanitor().round();
    await waitUntil(() => raised.length > 0);
    expect(raised.map(({ subject, payload }) => [subject, JSON.parse(payload) as object])).toMatchObject([
      [
        'ops.alert.raised',
        {
          rule: 'log_held_back',
          severity: 'warning',
          detail: { held_by: 'task', task_id: 'running', phase: 'running', first_sequence: first.sequence },
        },
      ],
    ]);
    expect((await succeed('running', token)).prev).toBe(token);
    const sequence = await projected();
    await aJanitor().round();
    expect(await firstSequence()).toBe(sequence);
    await waitUntil(() => raised.length === 2);
    expect(raised.map(({ subject }) => subject)).toEqual(['ops.alert.raised', 'ops.alert.resolved']);
  });
});

describe('nothing leaves the log', () => {
  // One for all: each test does harm to the tables that it makes good again.
  beforeAll(async () => {
    await openWorld();
    await finished('a');
    await projected();
    await projector.kill();
  });
  afterAll(closeWorld);

  it('while Postgres is away', async () => {
    const away = openDatabase('postgres://nobody@127.0.0.1:1/nothing');
    await expect(aJanitor({ tables: new SweepQueries(away) }).round()).rejects.toThrow();
    await away.close();
    expect(await firstSequence()).toBe(1);
  });

  it('when the read model tells of another stream', async () => {
    const { createdAt } = await log.admin.state();
    const tellOf = (at: string) => database.rows('UPDATE projections SET stream_created_at = $1', [at]);
    await tellOf('2020-01-01T00:00:00Z');
    await aJanitor().round();
    expect(await firstSequence()).toBe(1);
    await tellOf(createdAt);
  });

  it('when the log has gone back and grown again', async () => {
    const [fact] = await database.rows<{ event_id: string }>(
      `SELECT event_id FROM task_events WHERE sequence = 3`,
    );
    const name = (id: string) =>
      database.rows('UPDATE task_events SET event_id = $1 WHERE sequence = 3', [id]);
    await name('other');
    await aJanitor().round();
    expect(await firstSequence()).toBe(1);
    await name(fact!.event_id);
  });

  it('while nothing was ever projected, and then it does', async () => {
    await database.rows('CREATE TABLE known AS TABLE projections');
    await database.rows('DELETE FROM projections');
    await aJanitor().round();
    expect(await firstSequence()).toBe(1);
    await database.rows('INSERT INTO projections TABLE known');
    await aJanitor().round();
    expect(await firstSequence()).toBe(3);
  });
});
