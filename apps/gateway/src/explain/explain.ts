import { SLOT, statusOf } from '@millrace/domain';
import { againReasons } from './again.js';
import { endReasons } from './end.js';
import type { Explanation, Reasons } from './explanation.schema.js';
import { laneReasons } from './lane.js';
import { expiredReasons } from './expiry.js';
import { pauseReasons } from './pause.js';
import { runReasons } from './run.js';
import type { Situation } from './situation.js';
import { slotReasons } from './slot.js';
import { signalReasons, timeReasons } from './time.js';

/** Why a task is where it is and what must happen next, and why it ran more than once. */
export function explain(situation: Situation): Explanation {
  const { state, history } = situation;
  const { because, waiting_for } = reasonsOf(situation);
  return {
    state: statusOf(state),
    because: [...because, ...againReasons(history, state.attempts.begun)],
    waiting_for,
  };
}

function reasonsOf(situation: Situation): Reasons {
  const { state } = situation;
  const expired = expiredReasons(situation);
  if (expired) return expired;
  switch (state.phase) {
    case 'ready':
      return laneReasons(state, situation);
    case 'scheduled':
      return timeReasons(state, situation);
    case 'held':
      return state.waiting_for === SLOT ? slotReasons(state, situation) : signalReasons(state, situation);
    case 'running':
      return runReasons(state, situation);
    case 'paused':
      return pauseReasons(state, situation);
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'cleaned':
      return endReasons(state, situation);
  }
}
