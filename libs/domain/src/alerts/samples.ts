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

/** What a value must be beyond for a rule, which looks above its thresholds, to say anything. */
export const leastThreshold = ({ warning, critical }: Pick<AlertRule, 'warning' | 'critical'>): number =>
  Math.min(warning ?? Infinity, critical ?? Infinity);
