import { MAX_LOST } from '@millrace/domain';
import type { Progress, RunningTask } from '@millrace/domain';
import { DEFAULT_LEASE_SECONDS, PRESENCE_SECONDS } from '@millrace/log';
import { crewFor } from './crew.js';
import type { Reasons } from './explanation.schema.js';
import { queuePause } from './queue-pause.js';
import { UNKNOWN } from './situation.js';
import type { Situation } from './situation.js';
import { ago } from './words.js';

/** That it runs, where, and how far it is; and what comes when its worker is gone. */
export function runReasons(state: RunningTask, situation: Situation): Reasons {
  const { run, started_at } = state;
  const { workers, isRunByWorker, now, progress } = situation;
  const worker = workers === UNKNOWN ? undefined : workers.find(({ worker_id }) => worker_id === run.worker);
  const runs = `It runs: attempt ${run.attempt} on ${run.worker} since ${started_at}.`;
  const reports = [progressSentence(progress, state.updated_at)];
  if (isRunByWorker === true || (worker && isRunByWorker !== false))
    return {
      because: [
        runs,
        ...reports,
        ...(worker ? [`The worker gave a sign of life ${ago(worker.last_seen, now)}.`] : []),
      ],
      waiting_for: { type: 'nothing' },
    };
  if (isRunByWorker === UNKNOWN)
    return {
      because: [runs, ...reports, 'Whether its worker lives is not known now.'],
      waiting_for: { type: 'nothing' },
    };
  return lostReasons(state, situation, [
    `Attempt ${run.attempt} began on ${run.worker} at ${started_at} and has not ended.`,
    isRunByWorker === false
      ? `The worker ${run.worker} lives, but says that it does not run it any more.`
      : `The worker ${run.worker} shows no sign of life: it does not answer, and has not been seen for ${PRESENCE_SECONDS} seconds at least.`,
    ...reports,
  ]);
}

/** The lease of the ticket was kept up by the worker until it went silent, so it is over before this time. */
function lostReasons(state: RunningTask, situation: Situation, because: string[]): Reasons {
  const { run, queue, spec } = state;
  const takeover_by = new Date(situation.now + DEFAULT_LEASE_SECONDS * 1000).toISOString();
  const crew = crewFor(situation);
  const lost = run.lost + 1;
  return {
    because: [
      ...because,
      `Its ticket goes to another worker once its lease of ${DEFAULT_LEASE_SECONDS} s is over: by ${takeover_by}, unless this worker comes back. The task then goes on from ${state.checkpoint > 0 || state.step > 0 ? 'its last checkpoint or step' : 'its start'}.`,
      ...(lost >= MAX_LOST
        ? [
            `It has been lost ${lost} times in a row: it is not taken over, but ends as FAILURE (worker_lost).`,
          ]
        : []),
      ...(queuePause(situation)?.because ?? []),
      ...(crew.isMissing ? [crew.sentence] : []),
    ],
    waiting_for: {
      type: 'worker',
      reason: 'lost',
      queue,
      task_name: spec.name,
      workers: [run.worker],
      takeover_by,
    },
  };
}

function progressSentence(progress: Progress | null, updated_at: string): string {
  if (!progress) return `It has reported no progress; its last event is of ${updated_at}.`;
  const { percent, step, current, total, message } = progress;
  const parts = [
    ...(percent === undefined ? [] : [`${percent} %`]),
    ...(current === undefined ? [] : [total === undefined ? `${current}` : `${current} of ${total}`]),
    ...(step === undefined ? [] : [step]),
    ...(message === undefined ? [] : [message]),
  ];
  return parts.length === 0
    ? `It has reported progress without saying how far it is; its last event is of ${updated_at}.`
    : `Its last progress: ${parts.join(', ')}.`;
}
