import { isLane } from '@millrace/domain';
import type { Fact, Lane, ReadyReason, ReadyTask } from '@millrace/domain';
import type { Situation } from './situation.js';

/** A fact that made the task ready. */
export type ReadyFact = Extract<Fact, { kind: Lane }>;

export const isReadyFact = (fact: Fact | undefined): fact is ReadyFact =>
  fact !== undefined && isLane(fact.kind);

/** How it came into its lane, as far as that is more than its submission. */
export function arrivalSentences(state: ReadyTask, { history }: Situation): string[] {
  const last = history.facts.at(-1);
  if (last?.kind === 'yielded')
    return [
      `The worker ${last.data.run.worker} gave attempt ${last.data.run.attempt} back unharmed at ${last.at} (${last.data.reason}): it goes on with the next worker.`,
    ];
  return isReadyFact(last) ? [`It ${wayOf(last, state.lane)} at ${last.at} by ${last.actor}.`] : [];
}

/** What somebody did to it, for "It … at <time> by <actor>". */
export function wayOf({ data }: ReadyFact, lane: Lane): string {
  const ways: Record<ReadyReason, string> = {
    submitted: 'was submitted',
    branched: 'was submitted as a branch of another run',
    resumed: 'was resumed',
    redriven: 'was retried',
    restarted: 'was retried from its start',
    reordered: lane === 'front' ? 'was moved to the front' : 'was moved to the back of its lane',
    reprioritised: `was given the priority ${data.task.priority}`,
    released: data.slot ? 'was given a slot' : 'was released from its wait',
    repaired: 'was given a new ticket for one that was lost',
    replaced: 'was replaced by a newer submission',
    run_now: 'was freed from waiting for its time',
    aged: `rose to the lane ${lane} for its long wait`,
    restored: 'was brought back after it had been cancelled',
  };
  return ways[data.reason];
}
