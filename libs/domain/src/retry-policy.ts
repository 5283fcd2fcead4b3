/** When a failed attempt is tried again. Times are in seconds. */
export interface RetryPolicy {
  /** Failed attempts that are tried again; the next failure is final. Defaults to 3. */
  max_retries: number;
  /** Wait before the first retry. Defaults to 60 s. */
  delay_seconds: number;
  /** Each further wait is this many times longer. Defaults to 2. */
  backoff_factor: number;
  /** No wait is longer. Defaults to 600 s. */
  max_delay_seconds: number;
  /** Spread each wait over its upper half, so that tasks which failed together do not come back together. Defaults to true. */
  jitter: boolean;
}

export const DEFAULT_RETRY_POLICY: Readonly<RetryPolicy> = Object.freeze({
  max_retries: 3,
  delay_seconds: 60,
  backoff_factor: 2,
  max_delay_seconds: 600,
  jitter: true,
});

/**
 * The wait in milliseconds before the retry that follows the given failure.
 *
 * @param failed how many attempts have failed, this one included (1 for the first)
 * @param random a number in [0, 1), used only with jitter
 */
export function retryDelayMs(policy: RetryPolicy, failed: number, random: number): number {
  // A factor of Infinity would make NaN of a delay of 0.
  const factor = Math.min(policy.backoff_factor ** (failed - 1), Number.MAX_VALUE);
  const grown = policy.delay_seconds * factor;
  const capped = Math.min(grown, policy.max_delay_seconds);
  const spread = policy.jitter ? capped * (0.5 + random / 2) : capped;
  return Math.round(spread * 1000);
}

/** Whether one more attempt may follow after this many failures. */
export const mayRetry = (policy: RetryPolicy, failed: number): boolean => failed <= policy.max_retries;
