import { DEFAULT_RETRY_POLICY, NO_TASK, decide } from '@millrace/domain';
import type { Command, Fact, TaskEvent } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import { randomUUID } from 'node:crypto';

/** The parameters of every task of the bench: 200 bytes as JSON. */
export const PARAMETERS = { document: 'x'.repeat(200 - '{"document":""}'.length) };

/** Runs `run` for 0 … count-1, so many at a time. */
export async function pipelined(
  count: number,
  window: number,
  run: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: Math.min(window, count) }, lane));
}

/** The submission of a task that does nothing. */
export const submissionOf = (name: string, priority: number): Extract<Command, { type: 'submit' }> => ({
  type: 'submit',
  spec: {
    name,
    priority,
    retry: DEFAULT_RETRY_POLICY,
    soft_time_limit: 1800,
    time_limit: 2400,
    submitted_at: new Date().toISOString(),
  },
  parameters: PARAMETERS,
});

/** The fact that submits it. */
export function submissionEvent(name: string, priority: number, now = Date.now()): TaskEvent {
  const event = decide(submissionOf(name, priority), NO_TASK, { now, random: 0 });
  if (!event) throw new Error('A submission always makes an event.');
  return event;
}

/** Submits straight to the log, as the gateway does after its checks: the fastest way to a backlog. */
export function submitToLog(log: TaskLog, queue: string, name = 'noop', priority = 5): Promise<Fact> {
  const now = Date.now();
  const event = submissionEvent(name, priority, now);
  return log.append({ queue, task_id: randomUUID() }, 0, event, { actor: 'api:bench', now });
}

/** The values at the given quantiles, nearest rank. */
export function quantiles(values: readonly number[], ...wanted: number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return wanted.map((q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN);
}

export const median = (values: readonly number[]): number => quantiles(values, 0.5)[0] ?? NaN;
