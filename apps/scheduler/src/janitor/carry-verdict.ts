import type { ExistingTask, Fact } from '@millrace/domain';
import type { SweptTask } from '@millrace/read-model';

/**
 * - `carry`: the wait is written again, whole
 * - `needless`: nothing of the task is needed below the mark
 * - `bound`: its facts must stay for now
 */
export type CarryVerdict = 'carry' | 'needless' | 'bound';

/**
 * Whether the read model has the task as a wait that leans on nothing but its card. One whose timer has fired waits in a lane like a ready
 * task: carried each time, it would lose its place each time, and in a long backlog never run.
 */
export const looksCarriable = ({
  phase,
  checkpoint,
  step,
  due_ticket,
}: Pick<SweptTask, 'phase' | 'checkpoint' | 'step' | 'due_ticket'>): boolean =>
  (phase === 'scheduled' || phase === 'held' || phase === 'paused') &&
  checkpoint === 0 &&
  step === 0 &&
  due_ticket === null;

/**
 * Whether a task that was a wait in the read model is to be carried over the mark.
 *
 * @param state the task as the log has it, up to its last fact
 * @param hasSignals whether signals to it are in the log. Without a checkpoint or step it has taken none, and they would stay behind
 */
export function judgeCarry(
  state: ExistingTask,
  last: Fact,
  low: number,
  now: number,
  hasSignals = false,
): CarryVerdict {
  switch (state.phase) {
    case 'scheduled':
      // It is about to run: carried, it would lose its place in the lane.
      if (Date.parse(state.until) <= now) return 'bound';
      return hasSignals ? 'bound' : judgeWait(state, last, low);
    case 'held':
    case 'paused':
      return hasSignals ? 'bound' : judgeWait(state, last, low);
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

/** A checkpoint and steps are not copied: they must stay where they are. */
function judgeWait({ checkpoint, step }: ExistingTask, last: Fact, low: number): CarryVerdict {
  if (checkpoint > 0 || step > 0) return 'bound';
  // By another janitor, or in the last round, which the read model has not seen yet.
  return 'carried' in last.data && last.sequence >= low ? 'needless' : 'carry';
}
