import type { RollUpOptions, TaskProjection } from '@millrace/read-model';
import { BackgroundLoop } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';
import type { ProjectorConfig } from './config.js';

const EVERY_MS = 20_000;
/** A minute is over when its last facts are likely to be in; those that come later are added too. */
const GRACE_MS = 60_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** How long minutes and hours are kept. */
export type MetricsKept = Pick<
  ProjectorConfig,
  'MILLRACE_METRICS_MINUTES_KEPT_HOURS' | 'MILLRACE_METRICS_HOURS_KEPT_DAYS'
>;

/** Rolls the minutes of the metrics up into hours and days, and drops those that are old, between the batches of the log. */
export class MetricsKeeper {
  readonly #loop = new BackgroundLoop({
    pass: (signal) => this.#rollUp(signal),
    // The next pass does what this one has not; if the connection is gone, the session hears of it.
    retryMs: EVERY_MS,
    onFailure: (error) => {
      this.logger.warn({ err: error }, 'Metrics could not be rolled up; trying again');
    },
  });

  constructor(
    private readonly projection: TaskProjection,
    private readonly kept: MetricsKept,
    private readonly logger: Logger,
  ) {}

  /** Begins at once, and goes on until it is stopped. */
  start(): void {
    this.#loop.start();
  }

  /** Ends after the rows in hand. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #rollUp(signal: AbortSignal): Promise<number> {
    const options = optionsAt(Date.now(), this.kept);
    while (!signal.aborted) if ((await this.projection.rollUpMetrics(options)).done) break;
    return EVERY_MS;
  }
}

/** What is to be rolled up and dropped at a time. */
export function optionsAt(now: number, kept: MetricsKept): RollUpOptions {
  const startOf = (time: number, span: number): string =>
    new Date(Math.floor(time / span) * span).toISOString();
  return {
    before: startOf(now - GRACE_MS, MINUTE_MS),
    // Whole hours and days, so that what is kept of them is all of them.
    minutesFrom: startOf(now - kept.MILLRACE_METRICS_MINUTES_KEPT_HOURS * HOUR_MS, HOUR_MS),
    hoursFrom: startOf(now - kept.MILLRACE_METRICS_HOURS_KEPT_DAYS * DAY_MS, DAY_MS),
  };
}
