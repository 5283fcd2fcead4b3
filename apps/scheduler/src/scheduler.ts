import { hostname } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { OPERATION_DAYS, TaskLog } from '@millrace/log';
import { CleanupQueries, LaneQueries, LimitQueries, SweepQueries, openDatabase } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import { onAbort, rest } from '@millrace/runtime';
import type { Logger, Telemetry } from '@millrace/runtime';
import { Ageing } from './ageing/ageing.js';
import { answerTo } from './cleanup/answer.js';
import { Cleanup } from './cleanup/cleanup.js';
import { AlertBook } from './alerts/alert-book.js';
import { AlertWatch } from './alerts/alert-watch.js';
import { Announcer } from './alerts/announcer.js';
import type { SchedulerConfig } from './config.js';
import { Janitor } from './janitor/janitor.js';
import { Lease } from './leadership/lease.js';
import { Limits } from './limits/limits.js';
import { Alerts } from './patrol/alerts.js';
import { Patrol } from './patrol/patrol.js';
import { PauseKeeper } from './queues/pause-keeper.js';
import { Reorders } from './reorder/reorders.js';
import { CONFIG, LOGGER, TELEMETRY } from './scheduler.constants.js';
import { Sweeper } from './sweeper/sweeper.js';

const OPEN_RETRY_MS = 1_000;
const HOUR_MS = 3_600_000;
const PAUSES_EVERY_SECONDS = 5;
const AGEING_EVERY_SECONDS = 5;
/** One for each concern that reads Postgres. */
const CONNECTIONS = 6;

/** Runs the concerns, each where this process leads it. Safe to stop before start and twice. */
@Injectable()
export class Scheduler implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #stopped = new AbortController();
  readonly #id = `${hostname()}-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
  readonly #leases: Lease[] = [];
  readonly #patrols: Patrol[] = [];
  #limits: Limits | undefined;
  #reorders: Reorders | undefined;
  #started: Promise<void> | undefined;
  #log: TaskLog | undefined;
  #database: Database | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: SchedulerConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TELEMETRY) private readonly telemetry: Telemetry | undefined,
  ) {}

  /** Does not wait for the broker: a stop must be heard before it is there. */
  onApplicationBootstrap(): void {
    this.#started ??= this.#start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stopped.abort();
    await this.#started;
    await Promise.all([this.#limits?.stop(), this.#reorders?.stop()]);
    await Promise.all(this.#patrols.map((patrol) => patrol.stop()));
    await Promise.all(this.#leases.map((lease) => lease.stop()));
    await this.#database?.close();
    await this.#log?.close();
  }

  async #start(): Promise<void> {
    this.logger.debug('Opening the log');
    const log = (this.#log = await this.#openLog());
    if (!log) return;
    log.on('closed', () => {
      this.#connectionClosed();
    });
    this.#database = openDatabase(this.config.DATABASE_URL, {
      applicationName: 'millrace-scheduler',
      connections: CONNECTIONS,
    });
    this.#patrol('sweeper', log, this.config.MILLRACE_SWEEP_SECONDS, this.#sweeper(log, this.#database));
    this.#patrol('janitor', log, this.config.MILLRACE_JANITOR_SECONDS, this.#janitor(log, this.#database));
    this.#cleanUp(log, this.#database);
    this.#patrol('alerts', log, this.config.MILLRACE_ALERT_SECONDS, this.#watchAlerts(log, this.#database));
    const pauses = new PauseKeeper(log, this.logger);
    this.#patrol('pauses', log, PAUSES_EVERY_SECONDS, (signal) => pauses.round(signal));
    this.#limits = this.#giveSlots(log, this.#database);
    const lanes = new LaneQueries(this.#database);
    const ageing = new Ageing(log, lanes, this.logger);
    this.#patrol('ageing', log, AGEING_EVERY_SECONDS, (signal) => ageing.round(signal));
    const lease = this.#lease('reorder', log);
    this.#reorders = new Reorders({ log, lanes, lease, logger: this.logger }).start();
    this.#tellOfItself(log);
    this.logger.info({ scheduler: this.#id }, 'Scheduler started');
  }

  #tellOfItself(log: TaskLog): void {
    this.telemetry?.add('millrace_log_connected', () => [{ value: Number(log.connected) }]);
    this.telemetry?.add('millrace_scheduler_leads', () =>
      this.#leases.map(({ concern, isHeld }) => ({ value: Number(isHeld), labels: { concern } })),
    );
  }

  /** The broker refuses the login for good: only a new start, perhaps with another one, can help. */
  #connectionClosed(): void {
    if (this.#stopped.signal.aborted) return;
    this.logger.error('The connection to the broker was closed for good');
    process.exit(1);
  }

  /** Undefined when it was stopped before the broker came. */
  async #openLog(): Promise<TaskLog | undefined> {
    const { signal } = this.#stopped;
    const stopped = new Promise<undefined>((resolve) => {
      onAbort(signal, () => {
        resolve(undefined);
      });
    });
    while (!signal.aborted) {
      try {
        return await Promise.race([TaskLog.open({ url: this.config.NATS_URL, name: 'scheduler' }), stopped]);
      } catch (error) {
        this.logger.warn({ err: error }, 'The log could not be opened; trying again');
        await rest(OPEN_RETRY_MS, signal);
      }
    }
    return undefined;
  }

  #sweeper(log: TaskLog, database: Database): Round {
    const sweeper = new Sweeper({
      log,
      tables: new SweepQueries(database),
      logger: this.logger,
      quietMs: this.config.MILLRACE_QUIET_SECONDS * 1000,
    });
    return (signal) => sweeper.round(signal);
  }

  #janitor(log: TaskLog, database: Database): Round {
    const alerts = new Alerts(log, this.#alertBook(log));
    const janitor = new Janitor({
      log,
      tables: new SweepQueries(database),
      logger: this.logger,
      alerts,
      retentionMs: this.config.MILLRACE_LOG_RETENTION_HOURS * HOUR_MS,
      retentionTasks: this.config.MILLRACE_LOG_RETENTION_TASKS,
    });
    return (signal) => janitor.round(signal);
  }

  #watchAlerts(log: TaskLog, database: Database): Round {
    const book = this.#alertBook(log);
    const storeLimitBytes = this.config.MILLRACE_STORE_LIMIT_BYTES;
    const watch = new AlertWatch({ log, database, book, storeLimitBytes });
    return (signal) => watch.round(signal);
  }

  #alertBook(log: TaskLog): AlertBook {
    return new AlertBook(log.buckets.alerts, new Announcer(log, this.logger));
  }

  #cleanUp(log: TaskLog, database: Database): void {
    const { config, logger } = this;
    const cleanup = new Cleanup({
      log,
      tables: new CleanupQueries(database),
      sweep: new SweepQueries(database),
      logger,
      policy: {
        defaultHours: config.MILLRACE_CLEANUP_RETENTION_HOURS,
        hoursByTask: config.MILLRACE_CLEANUP_RETENTION,
        undoHours: OPERATION_DAYS * 24,
      },
      tempDir: config.MILLRACE_TEMP_DIR,
    });
    const lease = this.#patrol('cleanup', log, config.MILLRACE_CLEANUP_SECONDS, async (signal) => {
      const { is_complete, errors } = await cleanup.run(undefined, signal);
      return !is_complete && errors.length === 0;
    });
    log.answerCleanups((request) => (lease.isHeld ? answerTo(cleanup, request) : undefined));
  }

  #giveSlots(log: TaskLog, database: Database): Limits {
    return new Limits({
      log,
      tables: new LimitQueries(database),
      logger: this.logger,
      lease: this.#lease('limits', log),
      checkEveryMs: this.config.MILLRACE_SLOT_CHECK_SECONDS * 1000,
    }).start();
  }

  #patrol(concern: string, log: TaskLog, everySeconds: number, round: Round): Lease {
    const { logger } = this;
    const lease = this.#lease(concern, log);
    // Workers that lost the broker with us are back by then.
    const firstAfterMs = Math.min(everySeconds, this.config.MILLRACE_QUIET_SECONDS) * 1000;
    const everyMs = everySeconds * 1000;
    this.#patrols.push(new Patrol({ name: concern, everyMs, firstAfterMs, lease, round, logger }).start());
    return lease;
  }

  #lease(concern: string, log: TaskLog): Lease {
    const { logger } = this;
    const lease = new Lease({ leases: log.buckets.leases, concern, holder: this.#id, logger }).start();
    this.#leases.push(lease);
    return lease;
  }
}

type Round = (signal: AbortSignal) => Promise<boolean>;
