import { expect } from '@jest/globals';
import { NO_TASK, decide } from '@millrace/domain';
import type { Fact } from '@millrace/domain';
import { streams, subjects } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import { OpsQueries, TaskQueries, openDatabase } from '@millrace/read-model';
import type { Comparison, Database } from '@millrace/read-model';
import { aSubmission, openTestLog, spawnApp, startTestNats, waitUntil } from '@millrace/testing';
import type { SharedPostgres, TestApp, TestNats } from '@millrace/testing';
import { Rebuild } from '../rebuild/rebuild-tables.js';

const MAIN = new URL('../main.js', import.meta.url);

/** A broker, a database, and projectors to be spawned. */
export interface World {
  nats: TestNats;
  log: TaskLog;
  url: string;
  database: Database;
  queries: TaskQueries;
  /** With more settings than where the servers are. */
  spawn: (env?: Record<string, string>) => TestApp;
}

/** @param ends what is to be done afterwards, the last first */
export async function openWorld(postgres: SharedPostgres, ends: (() => Promise<unknown>)[]): Promise<World> {
  const nats = await startTestNats();
  const url = await postgres.freshDatabase();
  const database = openDatabase(url);
  const spawn = (env: Record<string, string> = {}): TestApp => {
    const where = { NATS_URL: nats.url, DATABASE_URL: url };
    const app = spawnApp(MAIN, { ...where, MILLRACE_PROJECTOR_BATCH: '200', ...env });
    ends.push(() => app.kill('SIGKILL'));
    return app;
  };
  const log = await openTestLog(nats.url);
  const world = { nats, log, url, database, queries: new TaskQueries(database), spawn };
  // Not the log of now: one spec opens another.
  ends.push(
    nats.stop,
    () => world.log.close(),
    () => database.close(),
  );
  return world;
}

/** Until everything in the log is in the tables. */
export async function caughtUp({ log, queries }: World): Promise<void> {
  const last = await log.read.lastOn(subjects.allTasks);
  await waitUntil(async () => (await queries.projection()).sequence >= (last?.sequence ?? 0), {
    timeoutMs: 60_000,
    what: 'the projection to catch up',
  });
}

/** Until everything in the stream OPS is in the tables. */
export async function opsCaughtUp({ log, database }: World): Promise<void> {
  const last = await log.read.lastOn(subjects.allOps, streams.ops.name);
  await waitUntil(async () => (await new OpsQueries(database).sequence()) >= (last?.sequence ?? 0), {
    timeoutMs: 60_000,
    what: 'the archive of operations to catch up',
  });
}

async function compared({ log, url }: World): Promise<Comparison> {
  const rebuild = await Rebuild.open({ log, databaseUrl: url });
  try {
    return await rebuild.compare();
  } finally {
    await rebuild.close();
  }
}

export async function expectSameAsRebuilt(world: World): Promise<Comparison> {
  await caughtUp(world);
  const comparison = await compared(world);
  for (const { examples, different } of Object.values(comparison.tables))
    expect({ examples, different }).toEqual({ examples: [], different: 0 });
  expect(comparison.tables.metrics?.rows).toBeGreaterThan(0);
  return comparison;
}

export async function submit(log: TaskLog, task_id: string, now = Date.now()): Promise<Fact> {
  const event = decide(aSubmission(), NO_TASK, { now, random: 0 });
  if (!event) throw new Error('A submission is never in vain.');
  return log.append({ queue: 'video', task_id }, 0, event, { actor: 'test', now });
}
