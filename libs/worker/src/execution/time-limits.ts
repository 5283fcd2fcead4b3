import type { Logger } from '@millrace/runtime';
import { SoftTimeLimitExceeded, TimeLimitExceeded } from '../errors.js';
import type { Attempt } from './attempt.js';

/**
 * The soft limit asks the handler to stop, the hard one ends the attempt whatever it does.
 *
 * @param now as the attempt's `time.elapsed()` tells it
 */
export function enforceTimeLimits(attempt: Attempt, now: number, logger: Logger): void {
  const seconds = (now - attempt.startedAt) / 1000;
  const { id, spec } = attempt.state;
  const { soft_time_limit: soft, time_limit: hard } = spec;
  if (seconds < Math.min(soft, hard)) return;
  const told = { task_id: id, task_name: spec.name, attempt: attempt.state.run.attempt };
  if (seconds >= hard) {
    if (attempt.interrupt(new TimeLimitExceeded(`The attempt ran longer than ${hard} s.`)))
      logger.error({ ...told, time_limit: hard }, 'Hard time limit exceeded');
  } else if (attempt.abort(new SoftTimeLimitExceeded(`The attempt ran longer than ${soft} s.`)))
    logger.warn({ ...told, soft_time_limit: soft }, 'Soft time limit exceeded');
}
