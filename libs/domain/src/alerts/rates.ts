import type { AlertSample } from './alert.js';
import type { AlertRule } from './rule.js';

/** How many tasks of a queue and a name succeeded and failed for good. */
export interface Ends {
  queue: string;
  name: string;
  succeeded: number;
  failed: number;
}

/** The failure rate of all together, or of each that the rule asks for, the highest first. */
export const failureRates = (rule: AlertRule, ends: readonly Ends[]): AlertSample[] =>
  grouped(rule, ends, ({ succeeded, failed }) => ({
    value: succeeded + failed === 0 ? 0 : (failed / (succeeded + failed)) * 100,
    count: succeeded + failed,
  }));

/** How many failed for good, in the same way. */
export const deadLetters = (rule: AlertRule, ends: readonly Ends[]): AlertSample[] =>
  grouped(rule, ends, ({ failed }) => ({ value: failed }));

function grouped(
  { each, queue, task_name }: AlertRule,
  ends: readonly Ends[],
  valueOf: (sums: Pick<Ends, 'succeeded' | 'failed'>) => { value: number; count?: number },
): AlertSample[] {
  const sums = new Map<string, { scope: AlertSample['scope']; succeeded: number; failed: number }>();
  for (const end of ends) {
    if ((queue ?? end.queue) !== end.queue || (task_name ?? end.name) !== end.name) continue;
    const scope = {
      ...((each === 'queue' || queue !== undefined) && { queue: end.queue }),
      ...((each === 'task_name' || task_name !== undefined) && { task_name: end.name }),
    };
    const key = JSON.stringify(scope);
    const sum = sums.get(key) ?? { scope, succeeded: 0, failed: 0 };
    sums.set(key, {
      scope,
      succeeded: sum.succeeded + end.succeeded,
      failed: sum.failed + end.failed,
    });
  }
  return [...sums.values()]
    .map(({ scope, ...sum }) => ({ scope, ...valueOf(sum) }))
    .sort((a, b) => b.value - a.value);
}
