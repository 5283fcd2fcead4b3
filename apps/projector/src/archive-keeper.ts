import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import { ArchiveTrimmer } from '@millrace/read-model';
import type { Trimmed } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import type { ProjectorConfig } from './config.js';
import { CONFIG, LOGGER } from './projector.constants.js';

const DAY_MS = 86_400_000;
const EVERY_MS = 3_600_000;
/** There is more, or it could not be done. */
const AGAIN_MS = 60_000;
const NOTE_DEADLINE_MS = 5_000;

/** Lets go of the archive what is older than the setting says; without one it is kept for ever. */
@Injectable()
export class ArchiveKeeper implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #stopped = new AbortController();
  #done: Promise<void> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: ProjectorConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.MILLRACE_ARCHIVE_RETENTION_DAYS > 0) this.#done ??= this.#run();
  }

  /** Ends after the pass in hand. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopped.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const restMs = await this.#pass().catch((error: unknown) => {
        this.logger.warn(
          { err: error, retry_ms: AGAIN_MS },
          'The archive could not be trimmed; trying again',
        );
        return AGAIN_MS;
      });
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #pass(): Promise<number> {
    const before = new Date(Date.now() - this.config.MILLRACE_ARCHIVE_RETENTION_DAYS * DAY_MS);
    const trimmer = await ArchiveTrimmer.open(this.config.DATABASE_URL);
    try {
      const trimmed = await trimmer.trim(before);
      if (!trimmed) return EVERY_MS;
      for (const kept of trimmed.kept)
        this.logger.info(kept, 'A day of the archive stays: tasks that have not ended need it');
      if (trimmed.days.length + trimmed.tasks + trimmed.failures === 0) return EVERY_MS;
      await this.#tell(before, trimmed);
      return AGAIN_MS;
    } finally {
      await trimmer.close();
    }
  }

  async #tell(before: Date, { days, kept, ...rows }: Trimmed): Promise<void> {
    const note = {
      at: new Date().toISOString(),
      actor: 'projector',
      before: before.toISOString(),
      days,
      ...rows,
    };
    this.logger.info({ ...note, days_kept: kept.length }, 'The archive was trimmed');
    const log = await TaskLog.open({ url: this.config.NATS_URL, name: 'archive' });
    try {
      await log.note('archive', 'trimmed', note, { deadlineMs: NOTE_DEADLINE_MS });
    } finally {
      await log.close();
    }
  }
}
