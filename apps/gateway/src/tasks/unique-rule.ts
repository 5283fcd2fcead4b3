import { hasEnded } from '@millrace/domain';
import type { ExistingTask } from '@millrace/domain';
import { ProblemError } from '../http/problem.js';
import type { SubmitTask } from './submit-task.schema.js';

/** How long a key is taken by its newest task, where that is not for ever. */
export type UniqueRule =
  | { until: 'done' }
  /** So many seconds from its submission on. */
  | { until: 'window'; seconds: number }
  /** Whoever comes before its start replaces it. */
  | { until: 'start' };

/**
 * The rule that a submission goes by; undefined for one without a key, and for one whose key names one task for ever.
 *
 * @throws ProblemError when it says what its key means, and has none
 */
export function ruleOf({ unique, unique_key }: SubmitTask): UniqueRule | undefined {
  if (!unique) return undefined;
  if (unique_key === undefined) throw withoutKey();
  const { mode = 'reject', scope = 'forever', window_seconds: seconds = 0 } = unique;
  switch (mode) {
    case 'replace':
    case 'debounce':
      return { until: 'start' };
    case 'throttle':
      return { until: 'window', seconds };
    case 'reject':
      if (scope === 'window') return { until: 'window', seconds };
      return scope === 'until_done' ? { until: 'done' } : undefined;
  }
}

/** Whether the newest task of a key leaves nothing to whoever comes now, in milliseconds since the epoch. */
export function isTaken(
  rule: Exclude<UniqueRule, { until: 'start' }>,
  by: ExistingTask,
  now: number,
): boolean {
  if (rule.until === 'done') return !hasEnded(by);
  return now < Date.parse(by.spec.submitted_at) + rule.seconds * 1000;
}

function withoutKey(): ProblemError {
  const message = 'unique says what a key means: send unique_key or the header Idempotency-Key, too.';
  return new ProblemError('request/invalid', message, { errors: [{ path: 'unique', message }] });
}
