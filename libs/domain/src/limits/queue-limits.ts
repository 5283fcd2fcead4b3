/** So many starts at most in any span of so many seconds. */
export interface RateLimit {
  limit: number;
  period_seconds: number;
}

/** How many tasks of a queue may run, and whose turn it is. All of it holds for the whole cluster. */
export interface QueueLimits {
  /** Tasks of the queue that run at once. */
  concurrency?: number | undefined;
  /** Starts of tasks of the queue. */
  rate_limit?: RateLimit | undefined;
  /** Tasks with the same `concurrency_key` that run at once. */
  key_concurrency?: number | undefined;
  /** Starts of tasks with the same `concurrency_key`. */
  key_rate_limit?: RateLimit | undefined;
  /** Tasks of the same priority are started key by key in turn, so that no key waits behind the backlog of another. */
  fair?: boolean | undefined;
  /** Turns that a key has while the others have one each; 1 for keys that are not named. */
  weights?: Record<string, number> | undefined;
}

/** Whether a task must wait for a slot before it may start. One without a key has no part in the limits of keys. */
export function isLimited(limits: QueueLimits | undefined, key: string | undefined): boolean {
  if (!limits) return false;
  if (limits.concurrency !== undefined || limits.rate_limit || limits.fair) return true;
  return key !== undefined && (limits.key_concurrency !== undefined || limits.key_rate_limit !== undefined);
}

/** The limits among the settings of a queue; undefined when there are none. */
export function limitsOf(settings: QueueLimits | undefined): QueueLimits | undefined {
  // With a key all kinds of limits count.
  if (!settings || !isLimited(settings, '')) return undefined;
  const { concurrency, rate_limit, key_concurrency, key_rate_limit, fair, weights } = settings;
  return { concurrency, rate_limit, key_concurrency, key_rate_limit, fair, weights };
}
