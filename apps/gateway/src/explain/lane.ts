import { isLimited } from '@millrace/domain';
import type { Lane, ReadyTask, ScheduledTask } from '@millrace/domain';
import { crewFor } from './crew.js';
import type { Reasons } from './explanation.schema.js';
import { expirySentences } from './expiry.js';
import { arrivalSentences } from './moves.js';
import { queuePause } from './queue-pause.js';
import { UNKNOWN } from './situation.js';
import type { Ahead, Situation } from './situation.js';
import { count } from './words.js';

/** Why a task whose ticket waits in a lane has not started. */
export function laneReasons(state: ReadyTask | ScheduledTask, situation: Situation): Reasons {
  const pause = queuePause(situation);
  const crew = crewFor(situation);
  const { ahead } = situation;
  const isNext = ahead === 0;
  const turn = { type: 'turn', queue: state.queue, lane: state.lane, ahead: aheadOf(ahead) } as const;
  const worker = crew.isMissing || isNext ? crew.waiting_for : undefined;
  return {
    because: [
      ...(state.phase === 'ready' ? [`It waits in the lane ${state.lane} of the queue ${state.queue}.`] : []),
      ...(pause?.because ?? []),
      crew.sentence,
      positionSentence(ahead, isNext && !pause && !crew.waiting_for),
      ...(state.phase === 'ready' ? arrivalSentences(state, situation) : []),
      ...laneSentences(state.lane, situation),
      ...limitSentences(state, situation),
      ...expirySentences(situation),
    ],
    waiting_for: pause?.waiting_for ?? worker ?? turn,
  };
}

export const aheadOf = (ahead: Ahead): number | null => (typeof ahead === 'number' ? ahead : null);

function positionSentence(ahead: Ahead, startsNow: boolean): string {
  if (ahead === UNKNOWN)
    return 'How many tasks run before it is not known now: Postgres is away, or behind the log.';
  if (ahead === 'many') return 'More than 1,000 tasks of its queue run before it.';
  if (ahead > 0)
    return `${count(ahead, 'task')} of its queue ${ahead === 1 ? 'runs' : 'run'} before it. Move it to the front if it must not wait.`;
  return startsNow ? 'It is next in its queue, and starts within moments.' : 'It is next in its queue.';
}

/** What lifts it, or has lifted it, out of the lane of its priority. */
function laneSentences(lane: Lane, { state, queue }: Situation): string[] {
  const after = queue === UNKNOWN ? undefined : queue?.settings?.age_after_seconds;
  if (after === undefined || lane === 'front' || lane === 'p10') return [];
  return [
    `Its priority is ${state.spec.priority}; for each ${count(after, 'second')} of waiting it rises by one lane.`,
  ];
}

function limitSentences(state: ReadyTask | ScheduledTask, { queue }: Situation): string[] {
  if (queue === UNKNOWN || !isLimited(queue?.settings, state.spec.concurrency_key)) return [];
  if (state.phase === 'ready' && state.slot) return ['It has a slot of the limits of its queue.'];
  return ['Its queue has limits: it may have to wait for a slot once a worker takes it up.'];
}
