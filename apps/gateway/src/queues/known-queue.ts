import { DEFAULT_RETRY_POLICY, DEFAULT_TIME_LIMITS, PRIORITY, mergeRetry } from '@millrace/domain';
import type { QueueRecord, QueueSettings } from '@millrace/log';
import type { KnownHandler, TaskDefaults } from '../handlers/known-handler.js';

/** Always defined: where a task goes when nobody names a queue. */
export const DEFAULT_QUEUE = 'default';

/** Of the default queue as long as nobody has defined it. */
export const DEFAULT_RECORD: QueueRecord = { name: DEFAULT_QUEUE, defined_by: 'millrace' };

/** How tasks behave about which neither submitter nor handler nor queue say anything. */
export const GENERAL_DEFAULTS: TaskDefaults = {
  priority: PRIORITY.default,
  retry: DEFAULT_RETRY_POLICY,
  soft_time_limit: DEFAULT_TIME_LIMITS.soft,
  time_limit: DEFAULT_TIME_LIMITS.hard,
};

/** A defined queue: its record, and what is made of it once per revision. */
export class KnownQueue {
  readonly settings: QueueSettings;
  readonly #defaults: TaskDefaults;
  readonly #ofHandlers = new WeakMap<KnownHandler, TaskDefaults>();

  constructor(readonly record: QueueRecord) {
    this.settings = record.settings ?? {};
    const { default_priority, retry, soft_time_limit, time_limit } = this.settings;
    const general = GENERAL_DEFAULTS;
    this.#defaults = {
      priority: default_priority ?? general.priority,
      retry: retry ? mergeRetry(general.retry, retry) : general.retry,
      soft_time_limit: soft_time_limit ?? general.soft_time_limit,
      time_limit: time_limit ?? general.time_limit,
    };
  }

  get name(): string {
    return this.record.name;
  }

  /** How tasks of the handler behave here unless their submitter says otherwise; undefined: nobody has registered their name. */
  defaultsFor(handler: KnownHandler | undefined): TaskDefaults {
    if (!handler) return this.#defaults;
    const known = this.#ofHandlers.get(handler);
    if (known) return known;
    const defaults = handler.defaultsOn(this.#defaults);
    this.#ofHandlers.set(handler, defaults);
    return defaults;
  }
}
