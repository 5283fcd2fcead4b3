import { SoftTimeLimitExceeded, TimeLimitExceeded } from '../errors.js';
import type { Attempt } from './attempt.js';

/**
 * The soft limit asks the handler to stop, the hard one ends the attempt whatever it does.
 *
 * @param now `performance.now()`
 */
export function enforceTimeLimits(attempt: Attempt, now: number): void {
  const seconds = (now - attempt.startedAt) / 1000;
  const { soft_time_limit: soft, time_limit: hard } = attempt.state.spec;
  if (seconds > hard) attempt.interrupt(new TimeLimitExceeded(`The attempt ran longer than ${hard} s.`));
  else if (seconds > soft) attempt.abort(new SoftTimeLimitExceeded(`The attempt ran longer than ${soft} s.`));
}
