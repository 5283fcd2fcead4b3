import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { SearchIndexer } from '@millrace/read-model';
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
  readonly #stopped = new AbortController();
  #done: Promise<void> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: ProjectorConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.MILLRACE_SEARCH_INDEX) this.#done ??= this.#run();
  }

  /** Ends after the step in hand. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopped.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#fill();
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.logger.debug({ reason, retry_ms: RETRY_MS }, 'The index of searches waits; trying again');
        await this.#rest(RETRY_MS);
      }
    }
  }

  async #fill(): Promise<void> {
    const indexer = await SearchIndexer.open(this.config.DATABASE_URL);
    try {
      while (!this.#stopped.signal.aborted) {
        const { tasks, lagMessages } = await indexer.next(STEP);
        if (tasks < STEP || lagMessages > BUSY_MESSAGES) await this.#rest(IDLE_MS);
      }
    } finally {
      await indexer.close();
    }
  }

  async #rest(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }
}
