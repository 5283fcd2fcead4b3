import type { AlertSample } from './alert.js';
import type { AlertRule } from './rule.js';

/** An attempt that runs, or ran. */
export interface RunTime {
  id: string;
  queue: string;
  name: string;
  seconds: number;
}

/** How much memory a worker uses. */
export interface WorkerMemory {
  worker_id: string;
  memory_bytes: number;
}

/** A sample for each run, in whole seconds and in their order. */
export const runSamples = (runs: readonly RunTime[]): AlertSample[] =>
  runs.map(({ id, queue, name, seconds }) => ({
    scope: { queue, task_name: name, task_id: id },
    value: Math.floor(seconds),
  }));

/** A sample for each worker, the largest first. */
export const memorySamples = (workers: readonly WorkerMemory[]): AlertSample[] =>
  workers
    .map(({ worker_id, memory_bytes }) => ({ scope: { worker_id }, value: memory_bytes }))
    .sort((a, b) => b.value - a.value);

/** What is measured of a queue. */
export interface QueueValue {
  queue: string;
  value: number;
}

/** A sample for each queue, the greatest value first, or one for all together where the rule does not ask for each. */
export function queueSamples(
  rule: Pick<AlertRule, 'queue' | 'each'>,
  all: readonly QueueValue[],
  together: 'sum' | 'most',
): AlertSample[] {
  const queues = all.filter(({ queue }) => (rule.queue ?? queue) === queue);
  if (rule.each === 'queue' || rule.queue !== undefined)
    return queues.map(({ queue, value }) => ({ scope: { queue }, value })).sort((a, b) => b.value - a.value);
  const value = queues.reduce(
    (sum, one) => (together === 'most' ? Math.max(sum, one.value) : sum + one.value),
    0,
  );
  return [{ scope: {}, value }];
}

/** What a value must be beyond for a rule, which looks above its thresholds, to say anything. */
export const leastThreshold = ({ warning, critical }: Pick<AlertRule, 'warning' | 'critical'>): number =>
  Math.min(warning ?? Infinity, critical ?? Infinity);
