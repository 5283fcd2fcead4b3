import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNatsServer, startNats, startPostgres } from '@millrace/embedded';
import { TaskLog } from '@millrace/log';
import { openDatabase } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import { spawnApp, waitUntil } from '@millrace/testing';
import type { TestApp } from '@millrace/testing';
import { Pool } from 'undici';
import { QUEUES } from './bench-handlers.js';

const ADMIN_KEY = 'mr_bench_bench_bench_bench_bench';
const READY_WITHIN_MS = 60_000;
const appMain = (app: string, main = 'main.js'): string =>
  fileURLToPath(new URL(`../../../apps/${app}/dist/${main}`, import.meta.url));

/** The whole system as `npm start` runs it: the same servers with the same settings, the same processes. */
export interface BenchSystem {
  log: TaskLog;
  database: Database;
  databaseUrl: string;
  http: Pool;
  /** Port of the gateway. */
  port: number;
  headers: Record<string, string>;
  /** Process ids by name, for {@link usageOf}. */
  pids: () => Record<string, number>;
  startWorker: (queue: string, concurrency: number) => Promise<void>;
  stopWorker: () => Promise<void>;
  /** One more worker, which pulls once this resolves. */
  spawnWorker: (env: Record<string, string>) => Promise<TestApp>;
  stopApp: (app: 'projector' | 'scheduler') => Promise<void>;
  startApp: (app: 'projector' | 'scheduler') => void;
  /** Runs another main of an app, such as `rebuild.js` of the projector. */
  runTool: (app: string, main: string) => TestApp;
  /** Resolves once the read model has folded the log up to the sequence. */
  projected: (sequence: number) => Promise<void>;
  stop: () => Promise<void>;
}

/** @param profileDir where each app writes its CPU profile when it ends; without it, none does */
export async function startBenchSystem(profileDir?: string): Promise<BenchSystem> {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const cacheDir = fileURLToPath(new URL('../../../.millrace/bin', import.meta.url));
  const explicitPath = process.env.MILLRACE_NATS_SERVER;
  const [nats, postgres] = await Promise.all([
    findNatsServer({ cacheDir, explicitPath }).then(({ path }) =>
      startNats({ binary: path, dataDir: join(dataDir, 'nats') }),
    ),
    startPostgres({ dataDir: join(dataDir, 'postgres') }),
  ]);
  const env = {
    NATS_URL: nats.url,
    DATABASE_URL: postgres.url,
    MILLRACE_ADMIN_KEY: ADMIN_KEY,
    MILLRACE_LOG_LEVEL: 'warn',
  };
  const preload = new URL('./profile-preload.js', import.meta.url).href;
  const profiling = (app: string): Record<string, string> =>
    profileDir === undefined
      ? {}
      : {
          NODE_OPTIONS: `--import ${preload}`,
          MILLRACE_BENCH_PROFILE: join(profileDir, `${app}.${Date.now()}.cpuprofile`),
        };
  const apps: Record<string, TestApp> = {};
  const others: TestApp[] = [];
  const spawnWorker = async (settings: Record<string, string>): Promise<TestApp> => {
    const worker = spawnApp(appMain('worker'), {
      ...env,
      ...profiling('worker'),
      ...settings,
    });
    others.push(worker);
    const isShown = async (): Promise<boolean> =>
      (await log.buckets.workers.entries()).some(({ value }) => value.pid === worker.pid);
    await waitUntil(isShown, { timeoutMs: READY_WITHIN_MS, what: 'the presence of the worker' });
    return worker;
  };
  const log = await TaskLog.open({ url: nats.url, name: 'bench' });
  for (const queue of Object.values(QUEUES)) await log.provisionQueue(queue, 'bench');
  await log.buckets.handlers.put('noop', { name: 'noop', queue: QUEUES.submits });
  const port = await freePort();
  const startApp = (app: string, settings: Record<string, string> = {}): void => {
    apps[app] = spawnApp(appMain(app), { ...env, ...profiling(app), ...settings });
  };
  startApp('gateway', { PORT: String(port) });
  startApp('projector');
  startApp('scheduler');
  const http = new Pool(`http://127.0.0.1:${port}`, { connections: 16, pipelining: 1 });
  const isReady = async (): Promise<boolean> =>
    http.request({ path: '/health/ready', method: 'GET' }).then(
      async ({ statusCode, body }) => {
        await body.dump();
        return statusCode === 200;
      },
      () => false,
    );
  await waitUntil(isReady, { timeoutMs: READY_WITHIN_MS, what: 'a ready gateway' });
  const database = openDatabase(postgres.url);
  return {
    log,
    database,
    databaseUrl: postgres.url,
    http,
    port,
    headers: { 'content-type': 'application/json', 'x-api-key': ADMIN_KEY },
    pids: () => ({
      'nats-server': nats.pid,
      postgres: postgres.pid,
      ...Object.fromEntries(Object.entries(apps).map(([name, app]) => [name, app.pid])),
    }),
    startApp,
    async stopApp(app) {
      await apps[app]?.kill();
      Reflect.deleteProperty(apps, app);
    },
    runTool: (app, main) => spawnApp(appMain(app, main), env),
    spawnWorker,
    async startWorker(queue, concurrency) {
      const handlers = fileURLToPath(new URL('./bench-handlers.js', import.meta.url));
      apps.worker = await spawnWorker({
        MILLRACE_HANDLERS: handlers,
        MILLRACE_QUEUES: queue,
        MILLRACE_CONCURRENCY: String(concurrency),
        // Short tasks: a start of a process every ten of them would be all there is to measure.
        MILLRACE_MAX_TASKS_PER_CHILD: '0',
      });
    },
    async stopWorker() {
      await apps.worker?.kill();
      delete apps.worker;
    },
    async projected(sequence) {
      const behind = async (): Promise<boolean> => {
        const [row] = await database.rows<{ last: number | null }>(
          'SELECT max(sequence) AS last FROM projections',
        );
        return (row?.last ?? 0) >= sequence;
      };
      await waitUntil(behind, { timeoutMs: 900_000, every: 5, what: `the projection of ${sequence}` });
    },
    async stop() {
      await http.close();
      await log.close();
      await database.close();
      await Promise.all([...Object.values(apps), ...others].map((app) => app.kill()));
      await nats.stop();
      await postgres.destroy();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The gateway itself takes any port; the bench must know which. */
async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
  });
}
