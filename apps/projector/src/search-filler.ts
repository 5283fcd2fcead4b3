import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { SearchIndexer } from '@millrace/read-model';
import { BackgroundLoop, rest } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';
import type { ProjectorConfig } from './config.js';
import { CONFIG, LOGGER } from './projector.constants.js';

/** Tasks that are taken into the index at once: some tenths of a second at most. */
const STEP = 500;
const IDLE_MS = 1_000;
/** While the projection itself has so much before it, its machine is left to it. */
const BUSY_MESSAGES = 2_000;
const RETRY_MS = 5_000;

/** Keeps the index of searches up with the tables. Nothing waits for it: what it has not got yet is found without it. */
@Injectable()
export class SearchFiller implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #loop = new BackgroundLoop({
    pass: (signal) => this.#fill(signal),
    retryMs: RETRY_MS,
    onFailure: (error) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.logger.debug({ reason, retry_ms: RETRY_MS }, 'The index of searches waits; trying again');
    },
  });

  constructor(
    @Inject(CONFIG) private readonly config: ProjectorConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.MILLRACE_SEARCH_INDEX) this.#loop.start();
  }

  /** Ends after the step in hand. */
  beforeApplicationShutdown(): Promise<void> {
    return this.#loop.stop();
  }

  /** Lasts until it is stopped, or something fails. */
  async #fill(signal: AbortSignal): Promise<number> {
    const indexer = await SearchIndexer.open(this.config.DATABASE_URL);
    try {
      while (!signal.aborted) {
        const { tasks, lagMessages } = await indexer.next(STEP);
        if (tasks < STEP || lagMessages > BUSY_MESSAGES) await rest(IDLE_MS, signal);
      }
      return IDLE_MS;
    } finally {
      await indexer.close();
    }
  }
}
