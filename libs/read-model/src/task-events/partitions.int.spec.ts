import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { startPostgres } from '@millrace/embedded';
import type { RunningPostgres } from '@millrace/embedded';
import type { Fact } from '@millrace/domain';
import { dataSourceOf } from '../database/data-source.js';
import { migrate } from '../database/migrate.js';
import { openDatabase } from '../database/database.js';
import { ProjectionConnection } from '../projections/projection-connection.js';
import type { TaskProjection } from '../projections/task-projection.js';
import { messageOf } from '../testing/random-log.js';
import { ready, started, succeeded } from '../testing/scribe.js';
import { queryOnce } from '../testing/query-once.js';
import { SweepQueries } from '../sweep/sweep.queries.js';
import { TaskQueries } from '../tasks/task.queries.js';
import { ArchiveTrimmer } from './archive-trimmer.js';
import { sequenceAt } from './sequence-at.js';

const NO_LAG = { lag_ms: 0, lag_messages: 0 };
const DAY_MS = 86_400_000;
const NOW = Date.now();
const inDays = (days: number): string => new Date(NOW + days * DAY_MS).toISOString();
const partitionAt = (days: number): string => `task_events_${inDays(days).slice(0, 10).replaceAll('-', '')}`;

let postgres: RunningPostgres;
const ends: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-partitions-'));
  postgres = await startPostgres({ dataDir, settings: { fsync: 'off' } });
}, 60_000);
afterAll(async () => {
  for (const end of ends) await end();
  await postgres.destroy();
});

async function projectionOf(url: string): Promise<TaskProjection> {
  const connection = await ProjectionConnection.open(url);
  ends.push(() => connection.close());
  return connection.resume('log');
}

/** A task that was submitted, started and done, each at its own time. */
const lifeOf = (id: string, first: number, times: [string, string, string]) => {
  const events = [ready('p5', { submitted_at: times[0] }), started(first), succeeded()];
  return events.map((event, index) => {
    const sequence = first + index;
    const place = { queue: 'video', task_id: id, sequence, id: `e${sequence}`, actor: 'test' };
    return messageOf({ ...event, ...place, prev: index && sequence - 1, at: times[index] } as Fact);
  });
};

/** How many facts each part has. */
async function partsOf(url: string): Promise<Record<string, number>> {
  const rows = await queryOnce<{ part: string; facts: number }>(
    url,
    'SELECT tableoid::regclass::text AS part, count(*)::int AS facts FROM task_events GROUP BY 1',
  );
  return Object.fromEntries(rows.map(({ part, facts }) => [part, facts]));
}

describe('the archive', () => {
  it('keeps each day in a part of its own, and nonsense days in one for all', async () => {
    const url = await postgres.createDatabase('days');
    await migrate(url);
    const projection = await projectionOf(url);
    await projection.apply(lifeOf('a', 1, [inDays(-400), inDays(-1), inDays(0)]), NO_LAG);
    await projection.apply(
      lifeOf('b', 11, ['1970-01-01T00:00:00.000Z', inDays(0), '3026-01-01T00:00:00.000Z']),
      NO_LAG,
    );
    expect(await partsOf(url)).toEqual({
      [partitionAt(-400)]: 1,
      [partitionAt(-1)]: 1,
      [partitionAt(0)]: 2,
      task_events_default: 2,
    });
    const [tomorrow] = await queryOnce(url, `SELECT to_regclass('${partitionAt(1)}') IS NOT NULL AS made`);
    expect(tomorrow).toEqual({ made: true });
  });

  it('finds the facts of a task however wrong the clocks of their writers were', async () => {
    const url = await postgres.createDatabase('clocks');
    await migrate(url);
    const projection = await projectionOf(url);
    await projection.apply(lifeOf('right', 1, [inDays(-9), inDays(-5), inDays(0)]), NO_LAG);
    await projection.apply(lifeOf('wrong', 11, [inDays(0), inDays(-30), inDays(0)]), NO_LAG);
    const database = openDatabase(url);
    ends.push(() => database.close());
    const tasks = new TaskQueries(database);
    for (const [id, first] of [
      ['right', 1],
      ['wrong', 11],
    ] as const) {
      const sequences = (await tasks.events(id)).map(({ sequence }) => sequence);
      expect(sequences).toEqual([first, first + 1, first + 2]);
      expect(await tasks.events(id, { after: first, limit: 1 })).toHaveLength(1);
      expect(await tasks.events(id, { after: first + 2 })).toEqual([]);
    }
    expect(await tasks.attempts('right')).toMatchObject([{ outcome: 'succeeded' }]);
  });

  it('knows up to which sequence facts are of a time, also those of clocks that are behind', async () => {
    const url = await postgres.createDatabase('moments');
    await migrate(url);
    const ages = [-500, -100, -2, -1.5, -1.50001, -1.4, -2.1, -0.7, -0.6, -0.9, -0.1, -0.00001];
    const messages = ages.flatMap((age, index) =>
      lifeOf(`t${index}`, 1 + 3 * index, [inDays(age), inDays(age), inDays(age)]),
    );
    await (await projectionOf(url)).apply(messages, NO_LAG);
    const database = openDatabase(url);
    ends.push(() => database.close());
    for (const age of [-600, ...ages, -1, -0.65, 1]) {
      const moment = inDays(age);
      const expected = ages.findLastIndex((one) => inDays(one) <= moment);
      expect([age, await sequenceAt(database, moment)]).toEqual([age, 3 * (expected + 1)]);
    }
    const sweep = new SweepQueries(database);
    expect(await sweep.sequenceAt(new Date(inDays(-0.8)))).toBe(31);
    expect(await sweep.sequenceAt(new Date(inDays(1)))).toBeUndefined();
    expect(await sweep.lastArchived()).toMatchObject({ sequence: 36 });
  });

  it('goes on without a part that a reader is in the way of, and moves the facts there later', async () => {
    const url = await postgres.createDatabase('readers');
    await migrate(url);
    const reader = new pg.Client({ connectionString: url });
    await reader.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT FROM task_events_default');
    await (await projectionOf(url)).apply(lifeOf('a', 1, [inDays(-1), inDays(-1), inDays(-1)]), NO_LAG);
    expect(await partsOf(url)).toEqual({ task_events_default: 3 });
    await reader.end();
    await (await projectionOf(url)).apply(lifeOf('b', 11, [inDays(-1), inDays(-1), inDays(-1)]), NO_LAG);
    expect(await partsOf(url)).toEqual({ [partitionAt(-1)]: 6 });
  });

  it('lets old days go, but not what a task that has not ended needs', async () => {
    const url = await postgres.createDatabase('trim');
    await migrate(url);
    const projection = await projectionOf(url);
    await projection.apply(lifeOf('old', 1, [inDays(-40), inDays(-39), inDays(-39)]), NO_LAG);
    await projection.apply(lifeOf('live', 11, [inDays(-38), inDays(-37), inDays(-37)]).slice(0, 1), NO_LAG);
    await projection.apply(lifeOf('long', 21, [inDays(-36), inDays(-20), inDays(-2)]), NO_LAG);
    const trimmer = await ArchiveTrimmer.open(url);
    ends.push(() => trimmer.close());
    const daysAt = (...days: number[]): string[] => days.map((day) => inDays(day).slice(0, 10));
    const before = new Date(inDays(-10));
    expect(await trimmer.trim(before)).toEqual({
      days: daysAt(-40, -39, -36, -20),
      kept: [{ day: daysAt(-38)[0], tasks: 1 }],
      tasks: 1,
      failures: 0,
    });
    expect(await partsOf(url)).toEqual({ [partitionAt(-38)]: 1, [partitionAt(-2)]: 1 });
    expect(await queryOnce(url, 'SELECT id FROM tasks ORDER BY id')).toEqual([
      { id: 'live' },
      { id: 'long' },
    ]);
    expect(await trimmer.trim(before)).toMatchObject({ days: [], tasks: 0, kept: [{ tasks: 1 }] });
    const second = await ArchiveTrimmer.open(url);
    expect(await second.trim(before)).toBeUndefined();
    await second.close();
  });

  it('that was in one piece is parted without losing a fact', async () => {
    const url = await postgres.createDatabase('whole');
    await migrate(url);
    await (await projectionOf(url)).apply(lifeOf('a', 1, [inDays(-40), inDays(-3), inDays(0)]), NO_LAG);
    const facts = (): Promise<object[]> =>
      queryOnce(url, 'SELECT task_events::text FROM task_events ORDER BY sequence');
    const before = await facts();
    const parts = await partsOf(url);
    const source = await dataSourceOf(url, 'public').initialize();
    const isParted = async (): Promise<boolean> =>
      (await queryOnce(url, 'SELECT FROM pg_partitioned_table')).length > 0;
    while (await isParted()) await source.undoLastMigration();
    await source.destroy();
    expect(await facts()).toEqual(before);
    await migrate(url);
    expect(await facts()).toEqual(before);
    expect(await partsOf(url)).toEqual(parts);
  });
});
