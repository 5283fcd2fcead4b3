import type { Fact, PausedTask } from '@millrace/domain';
import type { Reasons } from './explanation.schema.js';
import type { Situation } from './situation.js';
import { because } from './words.js';

/** Who put the task aside, and what brings it back. */
export function pauseReasons(state: PausedTask, { history, pauseAsk }: Situation): Reasons {
  const fact = pauseIn(history.facts);
  // Its worker wrote the fact, on behalf of whoever asked.
  const by = fact?.actor.startsWith('worker:') && pauseAsk ? pauseAsk.actor : (fact?.actor ?? null);
  const when = fact ? ` at ${fact.at} by ${by}` : '';
  const inRun = fact?.data.attempt === undefined ? '' : ` Its attempt ${fact.data.attempt} ended by that.`;
  const delay = state.until === undefined ? '' : ` It then waits for its time, ${state.until}.`;
  const from =
    state.checkpoint > 0 || state.step > 0
      ? ' Its next attempt goes on from its last checkpoint or step.'
      : '';
  return {
    because: [
      `It was paused${when}${because(state.reason)}.${inRun}`,
      `It stays so until it is resumed: POST /tasks/${state.id}/resume.${from}${delay}`,
    ],
    waiting_for: { type: 'resume', what: 'task', by, since: fact?.at ?? null, reason: state.reason },
  };
}

type PausedFact = Extract<Fact, { kind: 'paused' }>;

/** The janitor may have written the wait again since, on nobody's behalf. */
const pauseIn = (facts: readonly Fact[]): PausedFact | undefined =>
  facts.findLast((fact): fact is PausedFact => fact.kind === 'paused' && fact.data.carried === undefined);
