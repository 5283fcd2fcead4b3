import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decide } from '@millrace/domain';
import { ANCHOR, anchorSchema, streams, subjects } from '@millrace/log';
import type { Anchor } from '@millrace/log';
import { openTestLog, spawnApp, startTestPostgres, waitUntil } from '@millrace/testing';
import type { TestPostgres } from '@millrace/testing';
import { Rebuild } from '../rebuild/rebuild-tables.js';
import { BusyLog } from '../testing/busy-log.js';
import { caughtUp, openWorld, opsCaughtUp, submit } from '../testing/world.js';
import type { World } from '../testing/world.js';

const VERIFY = new URL('../../../gateway/dist/verify-audit.js', import.meta.url);
const LIMIT_MS = 120_000;
const DAY_MS = 86_400_000;
const PATIENT = { timeoutMs: 30_000 };
const OFTEN = { MILLRACE_AUDIT_ANCHOR_SECONDS: '1' };

let postgres: TestPostgres;
const ends: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  postgres = await startTestPostgres();
}, LIMIT_MS);
afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await postgres.stop();
}, LIMIT_MS);

async function anchorsOf({ log }: World): Promise<Anchor[]> {
  const notes = await log.read.notes(ANCHOR.noun, ANCHOR.verb, new Date(0));
  return notes.map(({ payload }) => anchorSchema.parse(JSON.parse(payload)));
}

/** Until the archive has all facts, and the chain has digests of them. */
async function anchored(world: World): Promise<void> {
  await caughtUp(world);
  const last = await world.log.read.lastOn(subjects.allFacts());
  await waitUntil(async () => ((await anchorsOf(world)).at(-1)?.to ?? 0) >= (last?.sequence ?? 0), {
    timeoutMs: 30_000,
    what: 'the anchor of the last fact',
  });
  await opsCaughtUp(world);
}

async function verify({ nats, url }: World): Promise<string> {
  const command = spawnApp(VERIFY, { NATS_URL: nats.url, DATABASE_URL: url });
  const { code } = await command.exited;
  return `${code}: ${command.lines.join('\n')}`;
}

/** A task that was submitted and cancelled so many days ago. */
async function oldTask({ log }: World, task_id: string, daysAgo: number): Promise<void> {
  const now = Date.now() - daysAgo * DAY_MS;
  const { sequence } = await submit(log, task_id, now);
  const state = await log.read.task({ task_id }, sequence);
  const event = decide({ type: 'cancel' }, state, { now, random: 0 });
  if (event) await log.append({ queue: 'video', task_id }, sequence, event, { actor: 'test', now });
}

async function numberFrom({ database }: World, sql: string): Promise<number> {
  const [row] = await database.rows<{ number: number }>(`SELECT (${sql})::int AS number`);
  return row?.number ?? 0;
}

/** The log is empty, and the notes of operators are still there. */
async function loseTheLog(world: World): Promise<void> {
  const { nats } = world;
  await nats.halt();
  const entries = await readdir(nats.storeDir, { recursive: true });
  const store = entries.find((path) => path.endsWith(`/${streams.tasks.name}`));
  await rm(join(nats.storeDir, store ?? 'is not there'), { recursive: true });
  await nats.restart();
  await world.log.close();
  world.log = await openTestLog(nats.url);
}

describe('the archive of facts', () => {
  it(
    'is compared with the chain of the audit, which tells what was changed, taken out or added',
    async () => {
      const world = await openWorld(postgres, ends);
      const { log, database } = world;
      const app = world.spawn(OFTEN);
      await new BusyLog(log, 'busy').run(60, 10);
      await anchored(world);
      await app.kill();
      const facts = await numberFrom(world, 'SELECT count(*) FROM task_events');
      expect(await verify(world)).toContain(`\n${facts} facts of the archive are as they were anchored\n`);
      const last = 'SELECT max(sequence) FROM task_events';
      const one = await numberFrom(world, last);
      const free = await numberFrom(
        world,
        `SELECT max(s) FROM generate_series(1, (${last})) AS s WHERE s NOT IN (SELECT sequence FROM task_events)`,
      );
      const add = (sequence: string): Promise<unknown> =>
        database.rows(
          `INSERT INTO task_events
           SELECT ${sequence}, task_id, queue, kind, at, attempt, actor, event_id, prev, data FROM kept`,
        );
      await database.rows(`CREATE TABLE kept AS SELECT * FROM task_events WHERE sequence = ${one}`);

      await database.rows(`UPDATE task_events SET data = '{}' WHERE sequence = ${one}`);
      expect(await verify(world)).toMatch(`Broken at ${one} of the facts: The fact ${one} of TASKS is not`);
      await database.rows(`DELETE FROM task_events WHERE sequence = ${one}`);
      expect(await verify(world)).toMatch(`Broken at ${one} of the facts: The archive lacks the fact ${one}`);
      await add('sequence');
      await add(String(free));
      const added = await verify(world);
      expect(added).toMatch(/^1: [^]*There are (\d+) facts of \S+ from \d+ to \d+ of TASKS, and there were/);
      const [, from, to] = /from (\d+) to (\d+)/.exec(added) ?? [];
      expect([Number(from) <= free, free <= Number(to)]).toEqual([true, true]);
      await database.rows(`DELETE FROM task_events WHERE sequence = ${free}`);

      // Without the log it is known to a hundred sequences.
      await log.admin.purgeBelow(one + 1);
      await database.rows(`UPDATE task_events SET actor = 'somebody else' WHERE sequence = ${one}`);
      expect(await verify(world)).toMatch(
        /from \d+ to \d+ of TASKS are not as they were when they were anchored/,
      );
    },
    LIMIT_MS,
  );

  it(
    'is as the chain says after a rebuild, after crashes, and without what the retention let go',
    async () => {
      const world = await openWorld(postgres, ends);
      const { log, url } = world;
      const at = new Date(Date.now() - 500 * DAY_MS).toISOString();
      await log.note('queue', 'paused', { queue: 'of old', at });
      await oldTask(world, 'of-old', 3);
      for (const name of ['first', 'second', 'third']) {
        const app = world.spawn(OFTEN);
        const before = (await anchorsOf(world)).length;
        await new BusyLog(log, name).run(30, 10);
        await waitUntil(async () => (await anchorsOf(world)).length > before, PATIENT);
        await app.kill('SIGKILL');
      }
      const rebuild = await Rebuild.open({ log, databaseUrl: url });
      await rebuild.swap();
      await rebuild.close();
      const app = world.spawn({ ...OFTEN, MILLRACE_ARCHIVE_RETENTION_DAYS: '2' });
      await waitUntil(
        async () => (await log.read.lastOn('ops.archive.trimmed', streams.ops.name)) !== undefined,
        PATIENT,
      );
      await waitUntil(
        async () => (await numberFrom(world, 'SELECT min(sequence) FROM ops_events')) > 1,
        PATIENT,
      );
      await anchored(world);
      const verdict = await verify(world);
      expect(verdict).toMatch(/^0: /);
      const facts = await numberFrom(world, 'SELECT count(*) FROM task_events');
      expect(verdict).toContain(`\n${facts} facts of the archive are as they were anchored\n`);
      expect(verdict).toContain('\n2 facts are of days that are not kept any more\n');
      await app.kill();
    },
    LIMIT_MS,
  );

  it(
    'is anchored anew where the log went back',
    async () => {
      const world = await openWorld(postgres, ends);
      const app = world.spawn(OFTEN);
      await new BusyLog(world.log, 'lost').run(40, 10);
      await anchored(world);
      await loseTheLog(world);
      await new BusyLog(world.log, 'after').run(20, 10);
      await app.line('The log has gone back', 60_000);
      await waitUntil(async () => (await anchorsOf(world)).at(-1)?.withdrawal, PATIENT);
      await anchored(world);
      const verdict = await verify(world);
      expect(verdict).toMatch(/^0: /);
      expect(verdict).toContain('anchors were withdrawn');
      await app.kill();
    },
    LIMIT_MS,
  );
});
