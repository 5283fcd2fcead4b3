import type { ExistingTask, Fact } from '@millrace/domain';
import type { SweptTask } from '@millrace/read-model';

/**
 * - `carry`: the wait is written again, whole
 * - `needless`: nothing of the task is needed below the mark
 * - `bound`: its facts must stay for now
 */
export type CarryVerdict = 'carry' | 'needless' | 'bound';

/**
 * Whether the read model has the task as a wait. One whose timer has fired waits in a lane like a ready
 * task: carried each time, it would lose its place each time, and in a long backlog never run.
 */
export const looksCarriable = ({ phase, due_ticket }: Pick<SweptTask, 'phase' | 'due_ticket'>): boolean =>
  (phase === 'scheduled' || phase === 'held' || phase === 'paused') && due_ticket === null;

/**
 * Whether a task that was a wait in the read model is to be carried over the mark.
 *
 * @param state the task as the log has it, up to its last fact
 */
export function judgeCarry(state: ExistingTask, last: Fact, low: number, now: number): CarryVerdict {
  switch (state.phase) {
    case 'scheduled':
      // It is about to run: carried, it would lose its place in the lane.
      return Date.parse(state.until) <= now ? 'bound' : judgeWait(last, low);
    case 'held':
    case 'paused':
      return judgeWait(last, low);
    case 'ready':
    case 'running':
      return 'bound';
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'cleaned':
      return 'needless';
  }
}

/** By another janitor, or in the last round, which the read model has not seen yet. */
const judgeWait = ({ data, sequence }: Fact, low: number): CarryVerdict =>
  'carried' in data && (data.needs ?? sequence) >= low ? 'needless' : 'carry';
