import { LogUnavailableError } from '@millrace/log';
import { isDatabaseAway } from '@millrace/read-model';
import { BackgroundLoop } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';
import type { Lease } from '../leadership/lease.js';

export interface PatrolOptions {
  /** Who goes round, for the log lines. */
  name: string;
  everyMs: number;
  /** The first round begins so long after the start, so that workers are connected again before anybody asks for them. */
  firstAfterMs: number;
  lease: Lease;
  /** One round. True: there is more to do, the next round may begin at once. */
  round: (signal: AbortSignal) => Promise<boolean>;
  logger: Logger;
}

const LOOK_EVERY_MS = 500;
const NEXT_AT_ONCE_MS = 1_000;

/** Goes its rounds while it leads, over every outage: a round that fails is told once and tried again at its next turn. */
export class Patrol {
  readonly #loop: BackgroundLoop;
  #trouble: string | undefined;

  constructor(private readonly options: PatrolOptions) {
    const { firstAfterMs, everyMs } = options;
    this.#loop = new BackgroundLoop({
      firstAfterMs,
      pass: (signal) => this.#goRound(signal),
      retryMs: everyMs,
      onFailure: (error) => {
        this.#tell(error);
      },
    });
  }

  start(): this {
    this.#loop.start();
    return this;
  }

  /** Cuts the round in hand short at its next step. Safe before start and twice. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #goRound(signal: AbortSignal): Promise<number> {
    const { name, everyMs, lease, round, logger } = this.options;
    if (!lease.isHeld) return LOOK_EVERY_MS;
    const hasMore = await round(signal);
    if (this.#trouble !== undefined) logger.info(`The ${name} goes its rounds again`);
    this.#trouble = undefined;
    return hasMore ? Math.min(NEXT_AT_ONCE_MS, everyMs) : everyMs;
  }

  /** Once for each kind of trouble: Postgres may be away for an hour. */
  #tell(error: unknown): void {
    const { name, logger } = this.options;
    const trouble = troubleOf(error);
    const level = trouble === this.#trouble ? 'debug' : 'warn';
    logger[level]({ reason: trouble, err: error }, `The ${name} skipped a round; trying again`);
    this.#trouble = trouble;
  }
}

/** An outage shows in many errors and is told as one. */
function troubleOf(error: unknown): string {
  if (isDatabaseAway(error)) return 'Postgres is away';
  if (error instanceof LogUnavailableError) return 'The broker is away';
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
