import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import { openTestLog, startTestNats, startTestPostgres, waitUntil } from '@millrace/testing';
import type { TestNats, TestPostgres } from '@millrace/testing';
import type { TaskLog } from '@millrace/log';
import { ApiClient } from './api-client.js';
import { AppSlot } from './app-slot.js';
import { Deaths } from './deaths.js';
import { freePort } from './free-port.js';
import { Journal } from './journal.js';
import { CHAOS_HANDLERS } from './places.js';
import { WorkerProcess } from './worker-process.js';

/** How a system under test is set up. */
export interface SystemOptions {
  /** Worker processes at the start. Defaults to 1. */
  workers?: number;
  /** Settings of every worker. */
  worker?: WorkerSettings;
  /** Variables of every app. */
  env?: Record<string, string>;
  /** Variables of the scheduler. */
  scheduler?: Record<string, string>;
}

/** Settings of a worker; see apps/worker/src/config.ts. */
export interface WorkerSettings {
  leaseSeconds?: number;
  quietSeconds?: number;
  drainSeconds?: number;
  concurrency?: number;
  /** Defaults to the chaos handlers. */
  handlers?: string;
  /** Serves this queue instead of that of its handlers. */
  queue?: string;
  /** Reaches the broker by this URL. */
  natsUrl?: string;
}

const API_KEY = 'mr_test_test_test_test_test_test';
/** It looks all the time: what it repairs needlessly, and only then, is seen. */
const EAGER_SWEEPER = { MILLRACE_SWEEP_SECONDS: '2', MILLRACE_QUIET_SECONDS: '2' };
const READY_WITHIN_MS = 60_000;

/** The whole system: own servers, the real processes, and a view of everything they leave behind. */
export class System {
  readonly deaths = new Deaths();
  readonly workers: WorkerProcess[] = [];
  readonly #slots: AppSlot[];
  #others: AppSlot[] = [];

  private constructor(
    readonly nats: TestNats,
    readonly postgres: TestPostgres,
    readonly databaseUrl: string,
    readonly database: Database,
    /** Of the test itself: reads what is in the log, and is there whenever the broker is. */
    readonly log: TaskLog,
    readonly journal: Journal,
    readonly api: ApiClient,
    readonly gateway: AppSlot,
    readonly projector: AppSlot,
    readonly scheduler: AppSlot,
    private readonly options: SystemOptions,
    private readonly dir: string,
  ) {
    this.#slots = [gateway, projector, scheduler];
  }

  /** Starts everything and waits until the gateway is ready and the workers pull. */
  static async start(options: SystemOptions = {}): Promise<System> {
    const started: (() => Promise<unknown>)[] = [];
    try {
      const [nats, postgres, port, dir] = await Promise.all([
        startTestNats(),
        startTestPostgres(),
        freePort(),
        mkdtemp(join(tmpdir(), 'millrace-test-system-')),
      ]);
      started.push(nats.stop, postgres.stop);
      const databaseUrl = await postgres.freshDatabase();
      const database = openDatabase(databaseUrl, { applicationName: 'test' });
      const log = await openTestLog(nats.url);
      started.push(
        () => log.close(),
        () => database.close(),
      );
      const env = { NATS_URL: nats.url, DATABASE_URL: databaseUrl, ...options.env };
      const http = { PORT: String(port), MILLRACE_HOST: '127.0.0.1', MILLRACE_ADMIN_KEY: API_KEY };
      const system = new System(
        nats,
        postgres,
        databaseUrl,
        database,
        log,
        new Journal(join(dir, 'journal')),
        new ApiClient(`http://127.0.0.1:${port}`, API_KEY),
        new AppSlot('gateway', { ...env, ...http }),
        new AppSlot('projector', env),
        new AppSlot('scheduler', { ...env, ...EAGER_SWEEPER, ...options.scheduler }),
        options,
        dir,
      );
      started.push(() => system.#stopApps());
      await system.#startApps();
      return system;
    } catch (error) {
      for (const stop of started.reverse()) await stop().catch(() => undefined);
      throw error;
    }
  }

  /** Starts one more worker and waits until it pulls. */
  async startWorker(settings: WorkerSettings = {}): Promise<WorkerProcess> {
    const slot = new AppSlot('worker', this.#workerEnv({ ...this.options.worker, ...settings }));
    this.#slots.push(slot);
    const worker = await WorkerProcess.start(slot, this.deaths);
    this.workers.push(worker);
    return worker;
  }

  /** As if the machine had lost its power and come back, but for the power: every process dies, the servers keep their data. */
  async restartEverything(): Promise<void> {
    const slots = [this.projector, this.gateway, this.scheduler];
    await Promise.all([...this.#slots.map((slot) => slot.kill()), this.nats.kill(), this.postgres.kill()]);
    await Promise.all([this.nats.restart(), this.postgres.restart()]);
    for (const slot of slots) slot.start();
    await this.gatewayReady();
  }

  /** Starts one more process of an app, with other settings than the first. */
  startAnother(app: string, env: Record<string, string>): AppSlot {
    const slot = new AppSlot(app, { NATS_URL: this.nats.url, DATABASE_URL: this.databaseUrl, ...env });
    slot.start();
    this.#others.push(slot);
    return slot;
  }

  async gatewayReady(): Promise<void> {
    await waitUntil(() => this.api.isReady(), {
      timeoutMs: READY_WITHIN_MS,
      every: 50,
      what: `a ready gateway; it wrote:\n${this.gateway.output().slice(-20).join('\n')}`,
    });
  }

  /** What the apps wrote at the level of errors, each line after the app's name. */
  errors(): string[] {
    return this.#slots.flatMap((slot) =>
      slot
        .output()
        .filter((line) => !line.startsWith('{') || line.includes('"level":"error"'))
        .map((line) => `${slot.name}: ${line}`),
    );
  }

  /** Stops every process by its id and removes the data. Safe twice. */
  async stop(): Promise<void> {
    await this.#stopApps();
    await this.log.close();
    await this.database.close();
    await Promise.all([this.nats.stop(), this.postgres.stop()]);
    await rm(this.dir, { recursive: true, force: true });
  }

  async #startApps(): Promise<void> {
    for (const slot of [this.projector, this.gateway, this.scheduler]) slot.start();
    const workers = Array.from({ length: this.options.workers ?? 1 }, () => this.startWorker());
    await Promise.all([...workers, this.gatewayReady()]);
  }

  /** As a crash: what they would do on the way out is the subject of a test of its own, and costs time. */
  async #stopApps(): Promise<void> {
    await Promise.all([...this.#slots, ...this.#others].map((slot) => slot.kill()));
    this.#others = [];
  }

  #workerEnv(settings: WorkerSettings): Record<string, string> {
    const { leaseSeconds = 3, quietSeconds = 2, drainSeconds = 2, concurrency = 50 } = settings;
    return {
      NATS_URL: settings.natsUrl ?? this.nats.url,
      MILLRACE_HANDLERS: settings.handlers ?? CHAOS_HANDLERS,
      MILLRACE_TEST_JOURNAL: this.journal.path,
      MILLRACE_LEASE_SECONDS: String(leaseSeconds),
      MILLRACE_QUIET_SECONDS: String(quietSeconds),
      MILLRACE_DRAIN_SECONDS: String(drainSeconds),
      MILLRACE_CONCURRENCY: String(concurrency),
      ...(settings.queue !== undefined && { MILLRACE_QUEUES: settings.queue }),
      ...this.options.env,
    };
  }
}

/** Runs a body on a system of its own, which is gone afterwards, also when the body failed. */
export async function withSystem<T>(
  options: SystemOptions,
  body: (system: System) => Promise<T>,
): Promise<T> {
  const system = await System.start(options);
  try {
    return await body(system);
  } finally {
    await system.stop();
  }
}
