import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RebuildRecord } from '@millrace/log';
import { startTestPostgres, waitUntil } from '@millrace/testing';
import type { TestPostgres } from '@millrace/testing';
import { BusyLog } from '../testing/busy-log.js';
import { expectSameAsRebuilt, openWorld } from '../testing/world.js';
import type { World } from '../testing/world.js';
import { PREVIOUS_SCHEMA, Rebuild } from './rebuild-tables.js';

const LIMIT_MS = 90_000;

let postgres: TestPostgres;
const ends: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  postgres = await startTestPostgres();
}, LIMIT_MS);
afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await postgres.stop();
}, LIMIT_MS);

const ask = (id: string, changes: Partial<RebuildRecord> = {}): RebuildRecord => ({
  id,
  from: 'archive',
  swap: true,
  actor: 'api:ada',
  asked_at: new Date().toISOString(),
  phase: 'asked',
  started_at: null,
  alive_at: new Date().toISOString(),
  finished_at: null,
  facts_done: 0,
  facts_total: 0,
  sequence: 0,
  differences: null,
  held_ms: null,
  reason: null,
  ...changes,
});

const request = ({ log }: World, ...args: Parameters<typeof ask>): Promise<number> =>
  log.buckets.rebuilds.put('tasks', ask(...args));

async function inPhase({ log }: World, ...phases: RebuildRecord['phase'][]): Promise<RebuildRecord> {
  return waitUntil(
    async () => {
      const record = (await log.buckets.rebuilds.get('tasks'))?.value;
      return record && phases.includes(record.phase) && record;
    },
    { timeoutMs: 60_000, what: `a rebuild in phase ${phases.join(' or ')}` },
  );
}

const TASKS = 100;
const PATIENT = { timeoutMs: 60_000 };

/** Tables that are up to date, of tasks that have ended. */
async function settled(name: string): Promise<World & { middle: number }> {
  const world = await openWorld(postgres, ends);
  await new BusyLog(world.log, name).run(TASKS, 30);
  // Quicker than a process.
  const projection = await Rebuild.open({ log: world.log, databaseUrl: world.url, schema: 'public' });
  await projection.catchUp();
  await projection.close({ keep: true });
  // After a message that is no fact: what the archive has does not end with the last one that has left the log.
  const [row] = await world.database.rows<{ middle: number }>(
    `SELECT max(gap) + 1 AS middle FROM generate_series(1, (SELECT max(sequence) / 2 FROM task_events)) AS gap
     WHERE gap NOT IN (SELECT sequence FROM task_events)`,
  );
  return { ...world, middle: row?.middle ?? 0 };
}

/** Reads as the gateway does, all the time; ends with what went wrong. */
function readAllTheTime(
  { queries, database }: World,
  id: string,
): () => Promise<{ reads: number; faults: unknown[] }> {
  let isOver = false;
  let reads = 0;
  const faults: unknown[] = [];
  let most = 0;
  const looks: (() => Promise<void>)[] = [
    async () => {
      if ((await queries.list({ limit: 20 })).items.length === 0) faults.push('an empty list');
    },
    async () => {
      if (!(await queries.get(id))) faults.push('a task that is not there');
    },
    async () => {
      if ((await queries.events(id)).length === 0) faults.push('a task without events');
    },
    async () => {
      const [row] = await database.rows<{ count: number }>('SELECT count(*)::int AS count FROM tasks');
      if ((row?.count ?? 0) < most) faults.push(`${row?.count} tasks after ${most}`);
      most = Math.max(most, row?.count ?? 0);
    },
  ];
  const reading = looks.map(async (look) => {
    while (!isOver) {
      await look().catch((error: unknown) => faults.push(error));
      reads++;
    }
  });
  return async () => {
    isOver = true;
    await Promise.all(reading);
    return { reads, faults };
  };
}

describe('a rebuild', () => {
  it(
    'takes the place of tables in use while tasks flow, and no reader notices',
    async () => {
      const world = await openWorld(postgres, ends);
      const { database } = world;
      const app = world.spawn();
      const busy = new BusyLog(world.log, 'flow');
      const running = busy.run(100_000, 4);
      await waitUntil(async () => (await world.queries.projection()).sequence > 200, PATIENT);
      await database.rows('CREATE ROLE onlooker');
      await database.rows('GRANT SELECT ON tasks TO onlooker');
      await database.rows(`UPDATE tasks SET name = 'tampered' WHERE id = 'flow-3'`);
      await database.rows(`DELETE FROM task_events WHERE task_id = 'flow-4'`);
      const stop = readAllTheTime(world, 'flow-0');
      await request(world, 'one', { from: 'log' });
      const record = await inPhase(world, 'done', 'failed');
      busy.stop();
      await running;
      const { reads, faults } = await stop();
      expect({ reason: record.reason, faults }).toEqual({ reason: null, faults: [] });
      expect(reads).toBeGreaterThan(100);
      expect(record.differences?.find(({ table }) => table === 'tasks')).toMatchObject({ different: 1 });
      expect(record.facts_done).toBeGreaterThan(150);
      await expectSameAsRebuilt(world);
      const [held] = await database.rows(
        `SELECT has_table_privilege('onlooker', 'tasks', 'SELECT') AS let_in,
           (SELECT generation FROM projections WHERE name = 'tasks') AS generation,
           (SELECT name FROM ${PREVIOUS_SCHEMA}.tasks WHERE id = 'flow-3') AS name,
           (SELECT stxnamespace::regnamespace::text FROM pg_statistic_ext WHERE stxrelid = 'tasks'::regclass) AS statistics`,
      );
      expect(held).toEqual({ let_in: true, generation: 1, name: 'tampered', statistics: 'public' });
      expect(app.lines.some((line) => line.includes('exchanged for others'))).toBe(true);
      const note = await world.log.read.lastOn('ops.projection.rebuilt', 'OPS');
      expect(JSON.parse(note?.payload ?? '{}')).toMatchObject({
        actor: 'api:ada',
        rebuild: 'one',
        swapped: true,
      });
      await app.kill();
    },
    LIMIT_MS,
  );

  it(
    'is taken over by another projector when its own is killed, and ends when it is cancelled',
    async () => {
      const world = await settled('killed');
      const first = world.spawn();
      await first.line('Projecting the log', PATIENT.timeoutMs);
      // Held from outside, so that the kill comes in the middle.
      const holder = await Rebuild.open({ log: world.log, databaseUrl: world.url });
      await request(world, 'one', { swap: false });
      await holder.close();
      await inPhase(world, 'reading-archive', 'reading-log', 'comparing', 'done');
      await first.kill('SIGKILL');
      const second = world.spawn();
      expect(await inPhase(world, 'done', 'failed')).toMatchObject({ phase: 'done', reason: null });
      await request(world, 'two', { phase: 'cancelled' });
      await request(world, 'three', { swap: false });
      expect(await inPhase(world, 'done', 'failed')).toMatchObject({ id: 'three', phase: 'done' });
      expect(second.lines.some((line) => line.includes('two'))).toBe(false);
      await second.kill();
    },
    LIMIT_MS,
  );

  it(
    'reads from the archive what the log no longer has, also what leaves it meanwhile',
    async () => {
      const { log, url, database, middle } = await settled('archived');
      await log.admin.purgeBelow(Math.floor(middle / 2));
      const rebuild = await Rebuild.open({ log, databaseUrl: url, from: 'archive' });
      await rebuild.catchUp(Math.floor(middle / 4));
      await log.admin.purgeBelow(middle);
      const { tables } = await rebuild.compare();
      expect(tables.tasks).toMatchObject({ rows: TASKS, different: 0 });
      expect(tables).toMatchObject({ task_events: { different: 0 }, metrics: { different: 0 } });
      await rebuild.swap();
      await rebuild.close();
      const [counts] = await database.rows(
        `SELECT (SELECT count(*)::int FROM tasks) AS tasks,
           (SELECT sum(submitted)::int FROM metrics WHERE span = 'minute') AS submitted`,
      );
      expect(counts).toEqual({ tasks: TASKS, submitted: TASKS });
    },
    LIMIT_MS,
  );

  it(
    'takes over what neither log nor archive can tell, and can be taken back',
    async () => {
      const { log, url, database, middle } = await settled('forgotten');
      await log.admin.purgeBelow(middle);
      await database.rows('DELETE FROM task_events WHERE sequence < $1', [Math.floor(middle / 2)]);
      const text = 'SELECT string_agg(tasks::text, chr(10) ORDER BY id) AS rows FROM tasks';
      const [before] = await database.rows(text);
      for (const from of ['archive', 'log'] as const) {
        const rebuild = await Rebuild.open({ log, databaseUrl: url, from });
        expect((await rebuild.compare()).tables.tasks).toMatchObject({ rows: TASKS, different: 0 });
        await rebuild.swap();
        await rebuild.close();
        expect(await database.rows(text)).toEqual([before]);
      }
      await database.rows(`UPDATE tasks SET name = 'a mistake'`);
      const back = await Rebuild.open({ log, databaseUrl: url, isContinued: true });
      expect((await back.compare()).tables.tasks).toMatchObject({ different: TASKS });
      await back.swap();
      await back.close();
      expect(await database.rows(text)).toEqual([before]);
    },
    LIMIT_MS,
  );

  it(
    'is refused the swap when the tables in use were exchanged meanwhile, and the schema while another builds',
    async () => {
      const { log, url } = await settled('twice');
      const rebuild = await Rebuild.open({ log, databaseUrl: url });
      await expect(Rebuild.open({ log, databaseUrl: url })).rejects.toThrow('Another process');
      const other = await Rebuild.open({ log, databaseUrl: url, schema: 'other' });
      await other.swap();
      await other.close();
      await expect(rebuild.swap()).rejects.toThrow('begin again');
      await rebuild.close();
    },
    LIMIT_MS,
  );
});
