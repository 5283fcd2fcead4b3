import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { LogUnavailableError, TaskLog } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import type { GatewayConfig } from '../config.js';
import { CONFIG, LOGGER } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';

const LOOK_EVERY_MS = 3_000;
/** From here on submissions are refused, so that running work has room to end. */
const FULL_AT = 0.8;
const RETRY_AFTER_SECONDS = 30;

/** Looks every few seconds at what is too slow to ask for each request. */
@Injectable()
export class LogWatch implements OnModuleInit, BeforeApplicationShutdown {
  #usage = 0;
  #firstSequence = 1;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: TaskLog,
    @Inject(CONFIG) private readonly config: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Whether anything has left the log: until then, what it does not know was never submitted. */
  get hasForgotten(): boolean {
    return this.#firstSequence > 1;
  }

  /**
   * The same, not as of the last look but of now.
   *
   * @throws LogUnavailableError without an answer
   */
  async hasForgottenByNow(): Promise<boolean> {
    if (this.hasForgotten) return true;
    try {
      this.#firstSequence = (await this.log.admin.state()).firstSequence;
    } catch (cause) {
      throw new LogUnavailableError('The log did not say what it still has.', { cause });
    }
    return this.hasForgotten;
  }

  /** How full the store is, from 0 to 1. */
  get usage(): number {
    return this.#usage;
  }

  /** @throws ProblemError `log/store-full` at 80 % of the store */
  refuseWhenFull(): void {
    if (this.#usage < FULL_AT) return;
    throw new ProblemError(
      'log/store-full',
      `The store of the log is ${Math.round(this.#usage * 100)} % full; from ${FULL_AT * 100} % on no task is accepted. Let the janitor purge, shorten the retention or enlarge the store.`,
      { retryAfterSeconds: RETRY_AFTER_SECONDS },
    );
  }

  async onModuleInit(): Promise<void> {
    for (const drift of this.log.drifts) this.logger.warn(drift, 'A setting of the log is not as designed');
    this.log.on('disconnected', () => this.logger.warn('The log is away'));
    this.log.on('reconnected', () => this.logger.info('The log is back'));
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (!this.log.connected) return;
    try {
      const [usage, { firstSequence }] = await Promise.all([
        this.log.admin.storeUsage(this.config.MILLRACE_STORE_LIMIT_BYTES),
        this.log.admin.state(),
      ]);
      if (usage >= FULL_AT && this.#usage < FULL_AT)
        this.logger.error({ usage }, 'The store of the log is nearly full; submissions are refused');
      this.#usage = usage;
      this.#firstSequence = firstSequence;
    } catch (error) {
      this.logger.warn({ err: error }, 'The log did not say how full it is');
    }
  }
}
