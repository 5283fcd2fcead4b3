import { policyFor } from '@millrace/domain';
import type { HeldTask, ScheduledTask } from '@millrace/domain';
import type { Reasons, WaitingFor } from './explanation.schema.js';
import { laneReasons } from './lane.js';
import { expirySentences } from './expiry.js';
import { queuePause } from './queue-pause.js';
import { leaderSentences } from './leaders.js';
import { UNKNOWN } from './situation.js';
import type { Situation } from './situation.js';
import { count, told } from './words.js';

const SIGNAL = 'signal:';

/** Why a task that waits for a time, or for a signal that has one, does not run. */
export function timeReasons(state: ScheduledTask, situation: Situation): Reasons {
  const wait = waitSentence(state, situation);
  if (situation.timer === 'fired') {
    const lane = laneReasons(state, situation);
    const now = `Its time came at ${state.until}: it waits in the lane ${state.lane} of the queue ${state.queue}.`;
    return {
      because: [now, ...lane.because, ...(state.reason === 'delay' ? [] : wait)],
      waiting_for: lane.waiting_for,
    };
  }
  return {
    because: [
      ...wait,
      ...timerSentences(state, situation),
      ...(queuePause(situation)?.because ?? []),
      ...expirySentences(situation),
    ],
    waiting_for: waitOf(state),
  };
}

/** Why a run that waits for something other than a time does not go on. */
export function signalReasons(state: HeldTask, situation: Situation): Reasons {
  return {
    because: [
      `Its run waits for ${whatOf(state.waiting_for)}, for as long as it takes, since ${state.updated_at}.`,
      howToSend(state.id, state.waiting_for),
      ...(queuePause(situation)?.because ?? []),
    ],
    waiting_for: { type: 'signal', signal: signalOf(state.waiting_for), until: null },
  };
}

function waitOf({ reason, until, waiting_for = '' }: ScheduledTask): WaitingFor {
  return reason === 'signal'
    ? { type: 'signal', signal: signalOf(waiting_for), until }
    : { type: 'time', reason, until };
}

function waitSentence(state: ScheduledTask, situation: Situation): string[] {
  const { until, reason, waiting_for = '' } = state;
  switch (reason) {
    case 'delay':
      return [`It is not to start before ${until}.`];
    case 'retry':
      return retrySentences(state, situation);
    case 'sleep':
      return [`Its run sleeps until ${until}, by its own wish, and fills no slot meanwhile.`];
    case 'signal':
      return [
        `Its run waits for ${whatOf(waiting_for)}, and goes on without it at ${until}.`,
        howToSend(state.id, waiting_for),
      ];
  }
}

function retrySentences(state: ScheduledTask, { history }: Situation): string[] {
  const { attempts, error, until } = state;
  const failed = [...history.facts]
    .reverse()
    .flatMap((fact) =>
      fact.kind === 'scheduled' && fact.data.attempt !== undefined ? [fact.data.attempt] : [],
    )[0];
  const retries = policyFor(state.spec.retry, error?.name ?? '').max_retries;
  const left = Math.max(0, retries - attempts.failed);
  return [
    `Attempt ${failed ?? attempts.begun} failed${error ? ` with ${told(error)}` : ''}.`,
    `The next attempt may start at ${until}; ${left === 0 ? 'no retry is' : `${left} of ${count(retries, 'retry', 'retries')} ${left === 1 ? 'is' : 'are'}`} left after it.`,
  ];
}

function timerSentences({ until }: ScheduledTask, situation: Situation): string[] {
  const { timer, now } = situation;
  const isDue = Date.parse(until) <= now;
  if (timer === UNKNOWN) return ['Whether its timer is armed is not known now.'];
  if (timer === 'missing')
    return [
      `No timer is armed for it: the sweeper of the scheduler sees to it within a minute after ${until}.`,
      ...leaderSentences(situation, 'sweeper'),
    ];
  return isDue ? ['Its time has come: the timer fires within moments.'] : [];
}

const signalOf = (wait: string): string => (wait.startsWith(SIGNAL) ? wait.slice(SIGNAL.length) : wait);

const whatOf = (wait: string): string =>
  wait.startsWith(SIGNAL) ? `the signal ${signalOf(wait)}` : `its release (${wait})`;

const howToSend = (taskId: string, wait: string): string =>
  wait.startsWith(SIGNAL)
    ? `Send it: POST /tasks/${taskId}/signals with the name ${signalOf(wait)}.`
    : 'Whoever it waits for ends the wait.';
