import { decide, retentionHours } from '@millrace/domain';
import type { RetentionPolicy, TaskEvent } from '@millrace/domain';
import { ConcurrencyError } from '@millrace/log';
import type { TaskLog, TaskRef } from '@millrace/log';
import { stateOf } from '@millrace/read-model';
import type { TaskSummary } from '@millrace/read-model';
import { DEADLINE_MS } from '../scheduler.constants.js';

const HOUR_MS = 3_600_000;

export interface CleaningOptions {
  log: TaskLog;
  policy: RetentionPolicy;
  now: number;
  actor: string;
  /** Sequence of the first message in the log. */
  firstInLog: number;
  isDryRun: boolean;
}

/**
 * Cleans up single tasks. Each write is conditional on the end that was judged being the task's last fact still: one that was retried
 * meanwhile is left alone, and of two leaders one cleans.
 */
export class Cleaner {
  constructor(private readonly options: CleaningOptions) {}

  /** Whether the task was cleaned up by this. False when it is not due, or has moved on. */
  async clean(row: TaskSummary): Promise<boolean> {
    const { policy, now, isDryRun } = this.options;
    const state = stateOf({ ...row, parameters: undefined, result: undefined });
    const hours = retentionHours(policy, {
      queue: row.queue,
      name: row.name,
      hasSucceeded: state.phase === 'succeeded',
      isUndoable: row.operation !== null,
    });
    if (!('finished_at' in state) || Date.parse(state.finished_at) + hours * HOUR_MS > now) return false;
    if (isDryRun) return true;
    const command = { type: 'clean', seen: row.sequence, retention_hours: hours } as const;
    const event = decide(command, state, { now, random: 0 });
    if (!event) return false;
    return this.#append({ queue: row.queue, task_id: row.id }, row.sequence, event);
  }

  async #append(ref: TaskRef, last: number, event: TaskEvent): Promise<boolean> {
    const { log, actor, firstInLog } = this.options;
    // Below the log's beginning there is none of its facts any more, under whatever queue.
    const expected = last >= firstInLog ? last : 0;
    try {
      await log.append(ref, expected, event, { actor, deadlineMs: DEADLINE_MS, uniqueId: expected === 0 });
      return true;
    } catch (error) {
      if (!(error instanceof ConcurrencyError)) throw error;
      // It has left the log this very moment, or it has moved on.
      return error.actual === 0 && expected > 0 && this.#append(ref, 0, event);
    }
  }
}
