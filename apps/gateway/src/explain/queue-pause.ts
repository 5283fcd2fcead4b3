import type { Reasons } from './explanation.schema.js';
import { UNKNOWN } from './situation.js';
import type { Situation } from './situation.js';
import { because } from './words.js';

/** Undefined unless the queue of the task is paused. */
export function queuePause({ state, queue }: Situation): Reasons | undefined {
  if (queue === UNKNOWN || !queue?.paused) return undefined;
  const { at, actor, reason } = queue.paused;
  return {
    because: [
      `The queue ${state.queue} is paused since ${at} by ${actor}${because(reason)}. No task of it starts until it is resumed: POST /queues/${state.queue}/resume.`,
    ],
    waiting_for: { type: 'resume', what: 'queue', by: actor, since: at, reason: reason ?? null },
  };
}
