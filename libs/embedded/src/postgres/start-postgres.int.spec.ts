import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { DataDirInUseError, PortTakenError } from '../server/errors.js';
import { startPostgres, type RunningPostgres } from './start-postgres.js';

const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
const START_LIMIT_MS = 60_000;

const running = new Set<RunningPostgres>();
const folders: string[] = [];
afterAll(async () => {
  // Several had the same folder one after the other: none is removed while another still writes to it.
  await Promise.all([...running].map((postgres) => postgres.stop()));
  for (const postgres of running) await postgres.destroy();
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

async function freshDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-postgres-'));
  folders.push(dir);
  return dir;
}

async function start(dataDir: string, port = 0): Promise<RunningPostgres> {
  const postgres = await startPostgres({ dataDir, port, settings: FAST });
  running.add(postgres);
  return postgres;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('an embedded Postgres', () => {
  it(
    'serves UTF-8 databases and keeps them over stop, kill and start at the same port',
    async () => {
      const dataDir = await freshDir();
      let postgres = await start(dataDir);
      const { port } = postgres;
      const url = await postgres.createDatabase('mühle');
      await query(url, "create table t as select 'Größe' as word");
      for (const end of ['stop', 'kill'] as const) {
        await postgres[end]();
        postgres = await start(dataDir, port);
        expect(await query(url, 'select word from t')).toEqual([{ word: 'Größe' }]);
      }
      expect(await query(postgres.url, 'show server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
    },
    START_LIMIT_MS,
  );

  it(
    'starts again while a busy backend of the killed one still runs',
    async () => {
      const dataDir = await freshDir();
      const first = await start(dataDir);
      const busy = new pg.Client({ connectionString: first.url });
      busy.on('error', () => undefined);
      await busy.connect();
      const lost = busy.query('select count(*) from generate_series(1, 1000000000)').catch(() => 'lost');
      await first.kill();
      const second = await start(dataDir, first.port);
      expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
      await lost;
    },
    START_LIMIT_MS,
  );

  it(
    'says in one sentence that its port or its data folder is taken',
    async () => {
      const dataDir = await freshDir();
      const { port } = await start(dataDir);
      const other = await freshDir();
      await expect(startPostgres({ dataDir: other, port })).rejects.toThrow(PortTakenError);
      await expect(startPostgres({ dataDir })).rejects.toThrow(DataDirInUseError);
    },
    START_LIMIT_MS,
  );

  it(
    'refuses a wrong password',
    async () => {
      const { url, password } = await start(await freshDir());
      await expect(query(url.replace(password, 'guess'), 'select 1')).rejects.toThrow(
        /password authentication failed/,
      );
    },
    START_LIMIT_MS,
  );
});
