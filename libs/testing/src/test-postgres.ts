import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@millrace/embedded';
import type { RunningPostgres } from '@millrace/embedded';

/** Nothing has to survive a power cut here; but the janitor waits until what it reads is written, which is seldom by default. */
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', wal_writer_delay: '10ms' };

/** A Postgres of a suite's own: it starts in half a second, and its port and data stay over {@link restart}. */
export interface TestPostgres {
  /** URL of a database that is there from the start. */
  readonly adminUrl: string;
  /** URL of a new, empty database. */
  readonly freshDatabase: () => Promise<string>;
  /** Ends it as a crash would; the data stays. Safe twice. */
  readonly kill: () => Promise<void>;
  /** Stops it cleanly, cutting off its clients; the data stays. Safe twice. */
  readonly halt: () => Promise<void>;
  /** Starts it again where it was; stops it first if it runs. */
  readonly restart: () => Promise<void>;
  /** Stops it and removes its data. */
  readonly stop: () => Promise<void>;
}

/** Starts Postgres in a temporary folder on a free port, without fsync and with any further settings of the server. */
export async function startTestPostgres(more: Readonly<Record<string, string>> = {}): Promise<TestPostgres> {
  const settings = { ...FAST, ...more };
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-test-postgres-'));
  let running: RunningPostgres = await startPostgres({ dataDir, settings });
  const { port } = running;
  let databases = 0;
  return {
    adminUrl: running.url,
    freshDatabase: () => running.createDatabase(`test_${++databases}`),
    kill: () => running.kill(),
    halt: () => running.stop(),
    async restart() {
      await running.stop();
      running = await startPostgres({ dataDir, port, settings });
    },
    async stop() {
      await running.destroy();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
