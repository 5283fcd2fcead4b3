import type { TaskLog } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';

/** Conditions that somebody must look at. */
export type AlertName = 'log_held_back' | 'store_filling';

/** A lasting condition is told again after so long. */
const REPEAT_MS = 3_600_000;

/** Tells a condition when it begins, each hour while it lasts, and when it is over: as a warning and as an OPS event. */
export class Alerts {
  readonly #toldAt = new Map<AlertName, number>();

  constructor(
    private readonly log: TaskLog,
    private readonly logger: Logger,
  ) {}

  async raise(alert: AlertName, detail: object, message: string): Promise<void> {
    const now = performance.now();
    if (now - (this.#toldAt.get(alert) ?? -Infinity) < REPEAT_MS) return;
    this.logger.warn({ alert, ...detail }, message);
    await this.log.note(
      'alert',
      alert,
      { at: new Date().toISOString(), actor: ACTOR, ...detail, message },
      { deadlineMs: DEADLINE_MS },
    );
    this.#toldAt.set(alert, now);
  }

  clear(alert: AlertName): void {
    if (this.#toldAt.delete(alert)) this.logger.info({ alert }, 'The alert is over');
  }
}
