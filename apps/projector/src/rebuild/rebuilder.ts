import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { LogUnavailableError, TaskLog } from '@millrace/log';
import { isDatabaseAway } from '@millrace/read-model';
import { BackgroundLoop, onAbort } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';
import type { ProjectorConfig } from '../config.js';
import { CONFIG, LOGGER } from '../projector.constants.js';
import { CurrentRebuild, RebuildCancelledError } from './rebuild-record.js';
import { RebuildRunsError } from './rebuild-tables.js';
import { runRebuild } from './run-rebuild.js';

const LOOK_EVERY_MS = 1_000;

/**
 * Carries out the rebuilds that are asked for, beside the projection. One at a time, however many projectors there are: the schema is
 * locked. One that was interrupted by an outage or a restart begins anew.
 */
@Injectable()
export class Rebuilder implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #loop = new BackgroundLoop({
    pass: (signal) => this.#look(signal),
    retryMs: LOOK_EVERY_MS,
    onFailure: (error) => {
      // The projection tells of outages.
      if (!isPassing(error)) this.logger.error({ err: error }, 'Rebuilds are not to be had');
    },
  });
  #log: TaskLog | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: ProjectorConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.#loop.start();
  }

  /** Leaves what is in hand to the next start. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#loop.stop();
    await this.#log?.close();
  }

  async #look(signal: AbortSignal): Promise<number> {
    this.#log ??= await openLog(this.config, signal);
    const rebuild = await CurrentRebuild.find(this.#log);
    if (rebuild) await this.#carryOut(this.#log, rebuild, signal);
    return LOOK_EVERY_MS;
  }

  async #carryOut(log: TaskLog, rebuild: CurrentRebuild, signal: AbortSignal): Promise<void> {
    const { DATABASE_URL: databaseUrl, MILLRACE_PROJECTOR_BATCH: batch } = this.config;
    const { id } = rebuild.wish;
    try {
      const outcome = await runRebuild(rebuild, { log, databaseUrl, batch, kept: this.config, signal });
      this.logger.info({ rebuild: id, ...outcome }, 'The read models were rebuilt');
    } catch (error) {
      if (error instanceof RebuildRunsError || signal.aborted) return;
      if (error instanceof RebuildCancelledError) {
        this.logger.info({ rebuild: id }, 'A rebuild was cancelled');
        return;
      }
      this.logger.error({ err: error, rebuild: id }, 'A rebuild was interrupted');
      if (isPassing(error)) return;
      const reason = error instanceof Error ? error.message : String(error);
      await rebuild.tell({ phase: 'failed', reason, finished_at: new Date().toISOString() });
    }
  }
}

/** Whether the same may be tried again when the servers are back. */
const isPassing = (error: unknown): boolean => error instanceof LogUnavailableError || isDatabaseAway(error);

/** Waits for the broker; fails when the projector is stopped. */
async function openLog(config: ProjectorConfig, signal: AbortSignal): Promise<TaskLog> {
  const stopped = new Promise<never>((_, reject) => {
    onAbort(signal, () => {
      reject(new Error('The projector was stopped.'));
    });
  });
  return Promise.race([TaskLog.open({ url: config.NATS_URL, name: 'rebuilder' }), stopped]);
}
