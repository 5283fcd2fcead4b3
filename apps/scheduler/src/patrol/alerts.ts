import type { AlertSample } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import type { AlertBook } from '../alerts/alert-book.js';
import { rulesOf } from '../alerts/alert-watch.js';

/** Conditions that a concern meets on its rounds, each a metric of alert rules. */
export type AlertName = 'log_held_back';

/** Where a concern tells what it has found: the rules decide whether that is an alert. */
export class Alerts {
  constructor(
    private readonly log: TaskLog,
    private readonly book: AlertBook,
  ) {}

  /** The condition holds now. */
  raise(alert: AlertName, detail: Record<string, unknown>, message: string): Promise<void> {
    return this.#observe(alert, [{ scope: {}, value: 1, detail, message }]);
  }

  /** It does not. */
  clear(alert: AlertName): Promise<void> {
    return this.#observe(alert, []);
  }

  async #observe(alert: AlertName, samples: AlertSample[]): Promise<void> {
    const known = await this.book.read();
    for (const rule of await rulesOf(this.log))
      if (rule.metric === alert && rule.enabled) await this.book.observe(rule, samples, known);
  }
}
