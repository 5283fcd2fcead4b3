import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNatsServer, startNats } from '@millrace/embedded';
import type { RunningNats, StartNatsOptions } from '@millrace/embedded';

const PROJECT_CACHE = fileURLToPath(new URL('../../../.millrace/bin', import.meta.url));

/** A nats-server of a suite's own: port, login and data stay the same over {@link kill} and {@link restart}. */
export interface TestNats {
  /** `nats://user:password@127.0.0.1:port`, the same over all restarts. */
  readonly url: string;
  readonly pid: number;
  readonly storeDir: string;
  /** Ends it as a crash would (SIGKILL); the data stays. Safe twice. */
  readonly kill: () => Promise<void>;
  /** Stops it cleanly; the data stays. Safe twice. */
  readonly halt: () => Promise<void>;
  /** Starts it again where it was; stops it first if it runs. */
  readonly restart: () => Promise<void>;
  /** Stops it and removes its data. Safe twice. */
  readonly stop: () => Promise<void>;
}

/** Starts a nats-server with JetStream in a temporary folder on a free port. */
export async function startTestNats(options: Partial<StartNatsOptions> = {}): Promise<TestNats> {
  const explicitPath = process.env.MILLRACE_NATS_SERVER;
  const { path: binary } = await findNatsServer({ cacheDir: PROJECT_CACHE, explicitPath });
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-test-nats-'));
  let running: RunningNats = await startNats({ binary, dataDir, ...options });
  const { port, url, storeDir } = running;
  return {
    url,
    storeDir,
    get pid() {
      return running.pid;
    },
    kill: () => running.kill(),
    halt: () => running.stop(),
    async restart() {
      await running.stop();
      running = await startNats({ binary, dataDir, ...options, port });
    },
    async stop() {
      await running.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
