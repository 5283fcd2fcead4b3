import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPostgres } from '@millrace/embedded';
import type { RunningPostgres } from '@millrace/embedded';
import { queryOnce } from '../testing/query-once.js';
import { dataSourceOf } from './data-source.js';
import { isDatabaseAway } from './database-away.js';
import { openDatabase } from './database.js';
import { dropSchema } from './schemas.js';
import { migrate } from './migrate.js';

let postgres: RunningPostgres;
beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-migrate-'));
  postgres = await startPostgres({ dataDir, settings: { fsync: 'off' } });
}, 60_000);
afterAll(() => postgres.destroy());

describe('migrations', () => {
  it('are run once, by however many processes at once', async () => {
    const url = await postgres.createDatabase('at_once');
    const runs = await Promise.all([migrate(url), migrate(url), migrate(url)]);
    expect(runs.filter(({ length }) => length > 0)).toHaveLength(1);
    expect(await migrate(url)).toEqual([]);
  });

  it('make the tables that the entities describe', async () => {
    const url = await postgres.createDatabase('described');
    await migrate(url);
    const source = await dataSourceOf(url, 'public').initialize();
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    await source.destroy();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('can be undone', async () => {
    const url = await postgres.createDatabase('undone');
    await migrate(url);
    const source = await dataSourceOf(url, 'public').initialize();
    for (const _ of source.migrations) await source.undoLastMigration();
    await source.destroy();
    expect(await queryOnce(url, `SELECT to_regclass('tasks') AS tasks`)).toEqual([{ tasks: null }]);
  });

  it('fill another schema too, which can be dropped', async () => {
    const url = await postgres.createDatabase('schemas');
    await migrate(url, { schema: 'other' });
    expect(await openAndAsk(url, 'other')).toBe(true);
    expect(await openAndAsk(url, 'public')).toBe(false);
    await dropSchema(url, 'other');
    expect(await openAndAsk(url, 'other')).toBe(false);
  });
});

describe('a database', () => {
  it('tells that it is away from what is wrong with a query', async () => {
    const url = await postgres.createDatabase('away');
    await migrate(url);
    const there = openDatabase(url);
    expect(isDatabaseAway(await there.rows('SELECT nonsense').catch((error: unknown) => error))).toBe(false);
    await there.close();
    const nowhere = openDatabase(url.replace(/:\d+\//, ':1/'));
    expect(isDatabaseAway(await nowhere.rows('SELECT 1').catch((error: unknown) => error))).toBe(true);
    expect(await nowhere.isHealthy()).toBe(false);
    await nowhere.close();
  });

  it('gives up a read that takes too long', async () => {
    const url = await postgres.createDatabase('slow');
    const database = openDatabase(url, { readTimeoutMs: 100 });
    const error: unknown = await database.rows('SELECT pg_sleep(5)').catch((thrown: unknown) => thrown);
    expect(isDatabaseAway(error)).toBe(true);
    await database.close();
  });
});

async function openAndAsk(url: string, schema: string): Promise<boolean> {
  const database = openDatabase(url, { schema });
  try {
    return await database.isHealthy();
  } finally {
    await database.close();
  }
}
