import { cp, rename, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NO_TASK, decide } from '@millrace/domain';
import type { TaskEvent } from '@millrace/domain';
import { streams } from '@millrace/log';
import { AuditQueries, OpsQueries, SweepQueries, openDatabase } from '@millrace/read-model';
import { createLogger } from '@millrace/runtime';
import { aSubmission, openTestLog, spawnApp, startTestPostgres, waitUntil } from '@millrace/testing';
import type { TestApp, TestNats, TestPostgres } from '@millrace/testing';
import { readProjectorConfig } from './config.js';
import { runSession } from './projection-session.js';
import { BusyLog } from './testing/busy-log.js';
import { caughtUp, expectSameAsRebuilt, opsCaughtUp, openWorld, submit } from './testing/world.js';
import type { World } from './testing/world.js';

const REBUILD = new URL('./rebuild.js', import.meta.url);
const LIMIT_MS = 90_000;
const KILLS = 3;

let postgres: TestPostgres;
const ends: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  postgres = await startTestPostgres();
}, LIMIT_MS);
afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await postgres.stop();
}, LIMIT_MS);

const setup = (): Promise<World> => openWorld(postgres, ends);

const sleep = (ms: number): Promise<false> => new Promise((go) => setTimeout(go, ms, false));

describe('the projector', () => {
  it(
    'waits for its servers, projects, tells its lag, and stops when it is told to',
    async () => {
      const world = await setup();
      const { nats, log, queries, spawn } = world;
      await nats.halt();
      const app = spawn();
      await sleep(500);
      await nats.restart();
      await app.line('Projecting the log');
      const { sequence } = await submit(log, 'one');
      await waitUntil(async () => (await queries.get('one'))?.sequence === sequence);
      const state = await queries.projection();
      expect(state).toMatchObject({ sequence, ignored: 0 });
      expect(state.lag_ms).toBeLessThan(1_000);
      expect(await app.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    },
    LIMIT_MS,
  );

  it(
    'archives what operators did, command by command, over its own death and that of Postgres',
    async () => {
      const world = await setup();
      const { log, database } = world;
      const ops = new OpsQueries(database);
      const first = world.spawn();
      const at = '2026-03-01T09:30:00.000Z';
      await log.note('queue', 'paused', { at, actor: 'api:ops', queue: 'films' });
      await opsCaughtUp(world);
      await first.kill('SIGKILL');
      const entry = {
        at,
        address: '10.0.0.7',
        method: 'POST',
        operation: 'submitTask',
        correlation_id: 'c-1',
      };
      const entries = [
        { ...entry, actor: 'api:ops', role: 'operator', target_type: 'task', target: 't-1', status: 202 },
        { ...entry, status: 401, code: 'request/unauthenticated' },
      ];
      await log.note('audit', 'commands', { gateway: 'g-1', entries });
      const second = world.spawn();
      await opsCaughtUp(world);
      await postgres.kill();
      await log.note('queue', 'resumed', { at, queue: 'films', why: 'NUL \u0000 is no trouble' });
      await postgres.restart();
      await opsCaughtUp(world);
      expect(await ops.list({ limit: 10 })).toMatchObject([
        { noun: 'queue', verb: 'resumed', actor: null },
        { noun: 'queue', verb: 'paused', actor: 'api:ops', at },
      ]);
      expect(await ops.list({ limit: 10, noun: 'queue', verb: 'paused', since: at, until: at })).toEqual([]);
      const [newest] = await ops.list({ limit: 1, noun: 'queue' });
      expect(await ops.list({ limit: 1, before: newest?.sequence })).toMatchObject([{ verb: 'paused' }]);
      const kept = await log.read.messageAt(newest?.sequence ?? 0, streams.ops.name);
      expect(newest?.data).toBe(kept?.payload);
      const { items } = await new AuditQueries(database).list({ limit: 1 });
      expect(items).toMatchObject([{ place: 1, actor: null, status: 401 }]);
      await second.kill();
    },
    LIMIT_MS,
  );

  it(
    'gives the same rows as a rebuild, however often it is killed under load',
    async () => {
      const world = await setup();
      const busy = new BusyLog(world.log, 'killed');
      let app = world.spawn();
      await app.line('Projecting the log');
      const running = busy.run(100_000, 10);
      const projected = async (): Promise<number> => (await world.queries.projection()).sequence;
      for (let kill = 0; kill < KILLS; kill++) {
        const before = await projected();
        await waitUntil(async () => (await projected()) > before, { timeoutMs: LIMIT_MS });
        await sleep(Math.random() * 200);
        await app.kill('SIGKILL');
        app = world.spawn();
      }
      busy.stop();
      await running;
      const { tables } = await expectSameAsRebuilt(world);
      expect(tables).toMatchObject({ tasks: { rows: busy.tasks }, task_events: { rows: busy.facts } });
      await app.kill();
    },
    LIMIT_MS,
  );

  it(
    'leaves the tables to one process, and takes over from a dead one',
    async () => {
      const world = await setup();
      const first = world.spawn();
      await first.line('Projecting the log');
      const second = world.spawn();
      await second.line('Another projector');
      const busy = new BusyLog(world.log, 'taken');
      const running = busy.run(800, 40);
      await waitUntil(async () => (await world.queries.projection()).sequence > 100);
      await first.kill('SIGKILL');
      await second.line('Projecting the log');
      await running;
      await expectSameAsRebuilt(world);
      await second.kill();
    },
    LIMIT_MS,
  );

  it(
    'goes on after Postgres and the broker were killed under load',
    async () => {
      const world = await setup();
      const app = world.spawn();
      await app.line('Projecting the log');
      const busy = new BusyLog(world.log, 'outages');
      const running = busy.run(100_000, 10);
      for (let round = 0; round < 2; round++) {
        await sleep(700);
        await postgres.kill();
        await sleep(300);
        await postgres.restart();
        await sleep(500);
        await world.nats.kill();
        await world.nats.restart();
      }
      await sleep(500);
      busy.stop();
      await running;
      const { tables } = await expectSameAsRebuilt(world);
      expect(tables).toMatchObject({ tasks: { rows: busy.tasks }, task_events: { rows: busy.facts } });
      expect(app.lines.some((line) => line.includes('Postgres is away'))).toBe(true);
      await app.kill();
    },
    LIMIT_MS,
  );

  it(
    'passes over bodies that are none, and counts them',
    async () => {
      const world = await setup();
      const app = world.spawn();
      await submit(world.log, 'good');
      const junk: unknown[] = [
        { kind: 'p5', data: {} },
        { kind: 'p5', data: { ...decideSubmission(), parameters: 'x', task: 7 } },
        { kind: 'started', data: { attempt: 'one' } },
        {
          kind: 'p5',
          data: { ...decideSubmission(), task: { ...decideSubmission().task, submitted_at: 'yesterday' } },
        },
      ];
      for (const [index, event] of junk.entries())
        await world.log.append({ queue: 'video', task_id: `junk-${index}` }, 0, event as TaskEvent, {
          actor: 'test',
        });
      await submit(world.log, 'better');
      await expectSameAsRebuilt(world);
      expect((await world.queries.projection()).ignored).toBe(junk.length);
      const { items } = await world.queries.list({ limit: 10 });
      expect(items.map(({ id }) => id).sort()).toEqual(['better', 'good']);
      await app.line('were passed over');
      await app.kill();
    },
    LIMIT_MS,
  );
});

describe('the command that rebuilds', () => {
  it(
    'says whether the tables in use are the same, and where not, and swaps them',
    async () => {
      const world = await setup();
      const app = world.spawn();
      await new BusyLog(world.log, 'told').run(100, 20);
      await caughtUp(world);
      const rebuild = (...more: string[]): TestApp =>
        spawnApp(REBUILD, { NATS_URL: world.nats.url, DATABASE_URL: world.url }, ['--compare', ...more]);
      const same = rebuild();
      expect(await same.exited).toEqual({ code: 0, signal: null });
      expect(same.lines.join()).toContain('tasks: 100 rows, all the same');
      await world.database.rows(`UPDATE tasks SET name = 'tampered' WHERE id = 'told-7'`);
      const different = rebuild('--swap');
      expect(await different.exited).toEqual({ code: 1, signal: null });
      expect(different.lines.join('\n')).toMatch(
        /tasks: 100 rows, 1 different\n {2}told-7\n {4}in use .*tampered/,
      );
      expect(different.lines.join()).toContain('Swapped at');
      expect((await world.queries.get('told-7'))?.name).toBe('render');
      await app.kill();
    },
    LIMIT_MS,
  );
});

const decideSubmission = () =>
  decide(aSubmission(), NO_TASK, { now: 0, random: 0 })!.data as Extract<TaskEvent, { kind: 'p5' }>['data'];

async function expectOpsTakenBack(world: World): Promise<void> {
  const { database, log } = world;
  const lost = await waitUntil(async () => {
    const rows = await database.rows<{ queue: string }>(
      `SELECT data ->> 'queue' AS queue FROM lost_ops_events WHERE noun = 'queue'`,
    );
    return rows.length > 0 && rows;
  });
  expect(lost).toEqual([{ queue: 'lost' }]);
  await opsCaughtUp(world);
  const archived = await new OpsQueries(database).range(1, Number.MAX_SAFE_INTEGER);
  for (const { sequence, data } of archived)
    expect((await log.read.messageAt(sequence, streams.ops.name))?.payload).toBe(data);
  expect(archived.filter(({ verb }) => verb === 'paused')).toHaveLength(1);
}

describe('a log that goes back', () => {
  it(
    'takes the tables back to the last fact in common, and keeps what was lost',
    async () => {
      const world = await setup();
      const { nats, log, spawn, database } = world;
      const app = spawn();
      await new BusyLog(log, 'common').run(200, 20);
      await log.note('queue', 'paused', { queue: 'kept' });
      await caughtUp(world);
      const putBack = await copyOfLog(nats);
      const lost = new BusyLog(log, 'lost');
      await Promise.all([lost.run(100, 20), submit(log, 'told-and-lost')]);
      await log.note('queue', 'paused', { queue: 'lost' });
      await Promise.all([caughtUp(world), opsCaughtUp(world)]);
      await putBack();
      await new BusyLog(log, 'after').run(150, 20);
      await app.line('The log has gone back', 60_000);
      await expectSameAsRebuilt(world);
      const kept = await database.rows<{ task_id: string }>('SELECT task_id FROM lost_task_events');
      expect(kept).toHaveLength(lost.facts + 1);
      expect(await world.queries.get('told-and-lost')).toBeUndefined();
      const note = await log.read.lastOn('ops.projection.rewound', streams.ops.name);
      expect(JSON.parse(note?.payload ?? '{}')).toMatchObject({ actor: 'projector' });
      await expectOpsTakenBack(world);
      await app.kill();
    },
    LIMIT_MS,
  );

  it(
    'is noticed when it is made anew under a running projector, and when that was down',
    async () => {
      const world = await setup();
      const { nats, spawn } = world;
      const first = spawn();
      await new BusyLog(world.log, 'old').run(50, 10);
      await caughtUp(world);
      for (const isDown of [false, true]) {
        if (isDown) await first.kill();
        await nats.halt();
        await rm(nats.storeDir, { recursive: true });
        await nats.restart();
        await world.log.close();
        world.log = await openTestLog(nats.url);
        const app = isDown ? spawn() : first;
        await new BusyLog(world.log, `new-${isDown ? 'b' : 'a'}`).run(70, 10);
        await app.line('The log has gone back', 60_000);
        const { tables } = await expectSameAsRebuilt(world);
        expect(tables.tasks?.rows).toBe(70);
        if (isDown) await app.kill();
      }
    },
    LIMIT_MS,
  );

  it(
    'is told from a log that was shortened',
    async () => {
      const world = await setup();
      const app = world.spawn();
      await new BusyLog(world.log, 'short').run(60, 10);
      await caughtUp(world);
      await app.kill();
      const { lastSequence } = await world.log.admin.state();
      await world.log.admin.purgeBelow(lastSequence + 1);
      const again = world.spawn();
      await submit(world.log, 'next');
      await caughtUp(world);
      expect(again.lines.some((line) => line.includes('gone back'))).toBe(false);
      expect((await world.queries.list({ limit: 100 })).items).toHaveLength(61);
      const rows = await new SweepQueries(world.database).sequenceOfFinished(60);
      expect(rows).toBeDefined();
      await again.kill();
    },
    LIMIT_MS,
  );
});

describe('a Postgres that goes back', () => {
  it(
    'is brought up to date from the log, and is told nothing',
    async () => {
      const world = await setup();
      const { log, database } = world;
      await new BusyLog(log, 'dumped').run(40, 20);
      await project(world);
      await dump(world);
      await new BusyLog(log, 'later').run(40, 20);
      await project(world);
      await restore(world);
      expect(await database.rows('SELECT count(*)::int AS count FROM tasks')).toEqual([{ count: 40 }]);
      await project(world);
      const { tables } = await expectSameAsRebuilt(world);
      expect(tables.tasks?.rows).toBe(80);
      expect(await log.read.lastOn('ops.>', streams.ops.name)).toBeUndefined();
    },
    LIMIT_MS,
  );

  it(
    'is told what it lacks when the log no longer has it, once',
    async () => {
      const world = await setup();
      const { log, queries } = world;
      await new BusyLog(log, 'dumped').run(30, 20);
      await project(world);
      await dump(world);
      const { sequence } = await queries.projection();
      await new BusyLog(log, 'gone').run(30, 20);
      await project(world);
      const { lastSequence } = await log.admin.state();
      await log.admin.purgeBelow(lastSequence + 1);
      await new BusyLog(log, 'later').run(30, 20);
      await restore(world);
      await project(world);
      const told = await log.read.lastOn('ops.projection.facts_missing', streams.ops.name);
      expect(JSON.parse(told?.payload ?? '{}')).toMatchObject({ from: sequence + 1, to: lastSequence });
      // What came before the gap and after it is there.
      const { tables } = await expectSameAsRebuilt(world);
      expect(tables.tasks?.rows).toBe(60);
      await project(world);
      expect(await log.read.lastOn('ops.>', streams.ops.name)).toEqual(told);
    },
    LIMIT_MS,
  );

  it(
    'is taken back to the log when that was restored to an older day than Postgres',
    async () => {
      const world = await setup();
      const { nats, log, database } = world;
      await new BusyLog(log, 'common').run(30, 20);
      const putBack = await copyOfLog(nats);
      const lost = new BusyLog(log, 'lost');
      await lost.run(30, 20);
      await project(world);
      await dump(world);
      await putBack();
      await new BusyLog(log, 'after').run(60, 20);
      await restore(world);
      await project(world);
      const { tables } = await expectSameAsRebuilt(world);
      expect(tables.tasks?.rows).toBe(90);
      const [kept] = await database.rows('SELECT count(*)::int AS count FROM lost_task_events');
      expect(kept).toEqual({ count: lost.facts });
      const note = await log.read.lastOn('ops.projection.rewound', streams.ops.name);
      expect(JSON.parse(note?.payload ?? '{}')).toMatchObject({ lostFacts: lost.facts });
    },
    LIMIT_MS,
  );
});

/** A projector in this process, until the tables are up to date. */
async function project(world: World): Promise<void> {
  const { log, nats, url } = world;
  const config = readProjectorConfig({ NATS_URL: nats.url, DATABASE_URL: url });
  const logger = createLogger({ app: 'projector', level: 'fatal', format: 'json' });
  const stopped = new AbortController();
  const session = runSession({
    log,
    config,
    logger,
    signal: stopped.signal,
    onProjected: () => undefined,
  });
  await Promise.race([session, caughtUp(world)]);
  stopped.abort();
  await session;
}

/** As `pg_dump` does, to a database beside it. */
const dump = ({ url }: World): Promise<void> =>
  onServer(url, ({ live, copy }) => [`CREATE DATABASE ${copy} TEMPLATE ${live}`]);

/** As `pg_restore` does, into a new database of the same name. */
const restore = ({ url }: World): Promise<void> =>
  onServer(url, ({ live, copy }) => [
    `DROP DATABASE ${live} WITH (FORCE)`,
    `ALTER DATABASE ${copy} RENAME TO ${live}`,
  ]);

async function onServer(
  url: string,
  statements: (names: { live: string; copy: string }) => string[],
): Promise<void> {
  const server = openDatabase(new URL('postgres', url).href);
  const live = new URL(url).pathname.slice(1);
  try {
    // Idle connections of the pools of this spec would be in the way of a copy.
    const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${live}'`;
    await server.rows(end);
    for (const statement of statements({ live, copy: `${live}_copy` })) await server.rows(statement);
  } finally {
    await server.close();
  }
}

/** Copies the log; the function puts the copy in the place of what has become of it. */
async function copyOfLog(nats: TestNats): Promise<() => Promise<void>> {
  const copy = `${nats.storeDir}-backup`;
  await nats.halt();
  await cp(nats.storeDir, copy, { recursive: true });
  await nats.restart();
  return async () => {
    await nats.halt();
    await rm(nats.storeDir, { recursive: true });
    await rename(copy, nats.storeDir);
    await nats.restart();
  };
}
