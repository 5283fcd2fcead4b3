import type { Progress } from '@millrace/domain';
import type { Attempt } from './attempt.js';
import type { LogPort } from './log-port.js';

/** Live progress of one task goes out at most so often. */
const LIVE_EVERY_MS = 1_000;
/** The log gets the first report of an attempt, then one per this time. */
const LOGGED_EVERY_MS = 15_000;
/** Bytes of a report; a longer message is cut. */
const PROGRESS_BYTES = 4 * 1024;

/**
 * Reports how far one attempt is, without ever making its handler wait: live through the stream PROGRESS, now and then through the log.
 * Only the newest report counts, so what comes too fast is replaced.
 */
export class ProgressReporter {
  #latest: Progress | undefined;
  #liveAt = -Infinity;
  #loggedAt = -Infinity;

  constructor(
    private readonly attempt: Attempt,
    private readonly log: LogPort,
    /** Told when the log refused a report: the attempt was overtaken. */
    private readonly onRefused: (error: unknown) => void,
  ) {}

  report(progress: Progress): void {
    this.#latest = bounded(progress);
    this.flush(this.attempt.time.elapsed());
  }

  /**
   * Sends what was held back and is due by now.
   *
   * @param now as the attempt's `time.elapsed()` tells it
   */
  flush(now: number): void {
    if (!this.#latest || this.attempt.interruption || now - this.#liveAt < LIVE_EVERY_MS) return;
    const progress = this.#latest;
    this.#latest = undefined;
    this.#liveAt = now;
    const { queue, id, run } = this.attempt.state;
    const at = new Date(this.attempt.time.now()).toISOString();
    this.log.reportProgress(
      { queue, task_id: id },
      JSON.stringify({ token: run.token, attempt: run.attempt, at, progress }),
    );
    if (now - this.#loggedAt < LOGGED_EVERY_MS) return;
    this.#loggedAt = now;
    this.attempt.record({ type: 'report-progress', token: run.token, progress }).catch((error: unknown) => {
      this.onRefused(error);
    });
  }
}

/** A careless report must not fail the task: numbers are put in their range, texts cut, the rest left out. */
function bounded({ percent, step, current, total, message }: Progress): Progress {
  return {
    ...(isNumber(percent) && { percent: Math.min(100, Math.max(0, percent)) }),
    ...(isText(step) && { step: cut(step) }),
    ...(isNumber(current) && { current }),
    ...(isNumber(total) && { total }),
    ...(isText(message) && { message: cut(message) }),
  };
}

// Handlers may be plain JavaScript: the types promise nothing.
const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isText = (value: unknown): value is string => typeof value === 'string';

/** Two texts of up to four bytes a character fit. */
const cut = (text: string): string => text.slice(0, PROGRESS_BYTES / 8);
