/** When a failed attempt is tried again. Times are in seconds. */
export interface RetryPolicy extends RetryTimes {
  /** What differs for errors of a class, by its name. `max_retries: 0`: such an error is final. */
  by_error?: Record<string, Partial<RetryTimes>>;
}

/** How often and after how long. */
export interface RetryTimes {
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
 * A policy, but for what somebody asks for instead. Classes of errors that only one of the two names stay as they are; one that both name
 * is merged setting by setting.
 */
export function mergeRetry(policy: Readonly<RetryPolicy>, asked: Asked<RetryPolicy>): RetryPolicy {
  const { by_error: others, ...times } = asked;
  const merged: RetryPolicy = { ...policy, ...given(times) };
  if (!others) return merged;
  const own = policy.by_error ?? {};
  const entries = Object.entries(others).map(([name, changes]): [string, Partial<RetryTimes>] => [
    name,
    { ...(Object.hasOwn(own, name) && own[name]), ...given(changes) },
  ]);
  // Not by assignment: a class may be named as a property that every object has.
  return { ...merged, by_error: Object.fromEntries([...Object.entries(own), ...entries]) };
}

/** A wish may spell out that it has none. */
type Asked<T> = {
  [K in keyof T]?: (K extends 'by_error' ? Record<string, Asked<RetryTimes>> : T[K]) | undefined;
};

const given = (times: Asked<RetryTimes>): Partial<RetryTimes> =>
  Object.fromEntries(Object.entries(times).filter(([, value]) => value !== undefined));

/** The policy for an error of a class: that of the task, but for what the class has of its own. */
export function policyFor({ by_error, ...times }: RetryPolicy, errorName: string): RetryTimes {
  // A class may be named as a property that every object has.
  const own = by_error && Object.hasOwn(by_error, errorName) ? by_error[errorName] : undefined;
  return { ...times, ...own };
}

/**
 * The wait in milliseconds before the retry that follows the given failure.
 *
 * @param failed how many attempts have failed, this one included (1 for the first)
 * @param random a number in [0, 1), used only with jitter
 */
export function retryDelayMs(policy: RetryTimes, failed: number, random: number): number {
  // A factor of Infinity would make NaN of a delay of 0.
  const factor = Math.min(policy.backoff_factor ** (failed - 1), Number.MAX_VALUE);
  const grown = policy.delay_seconds * factor;
  const capped = Math.min(grown, policy.max_delay_seconds);
  const spread = policy.jitter ? capped * (0.5 + random / 2) : capped;
  return Math.round(spread * 1000);
}

/** Whether one more attempt may follow after this many failures. */
export const mayRetry = (policy: RetryTimes, failed: number): boolean => failed <= policy.max_retries;
