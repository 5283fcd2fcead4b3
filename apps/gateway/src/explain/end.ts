import { cleanedUp, policyFor } from '@millrace/domain';
import type { CancelledTask, FailedTask, FinishedTask, SucceededTask } from '@millrace/domain';
import type { Reasons } from './explanation.schema.js';
import type { Situation } from './situation.js';
import { because, count, told } from './words.js';

/** How the task ended, and what can be done about it. */
export function endReasons(state: FinishedTask, situation: Situation): Reasons {
  return { because: sentencesOf(state, situation), waiting_for: { type: 'nothing' } };
}

function sentencesOf(state: FinishedTask, situation: Situation): string[] {
  switch (state.phase) {
    case 'succeeded':
      return [success(state, situation)];
    case 'failed':
      return [
        ...failure(state),
        `Run it again with POST /tasks/${state.id}/retry; it goes on from its last checkpoint unless from_start is set.`,
      ];
    case 'cancelled':
      return cancellation(state, situation);
    case 'cleaned':
      return [cleanedUp(state).message, `Its history stays: GET /tasks/${state.id}/events.`];
  }
}

function success({ attempts, finished_at }: SucceededTask, { history }: Situation): string {
  const last = history.facts.at(-1);
  const detail =
    last?.kind === 'succeeded' ? ` on ${last.data.worker} after ${Math.round(last.data.duration_ms)} ms` : '';
  return `It succeeded at ${finished_at}, in attempt ${attempts.begun}${detail}. That is final.`;
}

function failure({ error, reason, attempts, finished_at, spec }: FailedTask): string[] {
  const what = `It failed at ${finished_at}, in attempt ${attempts.begun}, with ${told(error)}.`;
  switch (reason) {
    case 'retries_spent': {
      const { max_retries } = policyFor(spec.retry, error.name);
      if (max_retries === 0)
        return [what, `It is not tried again: an error of the class ${error.name} has no retries.`];
      return [
        what,
        `It is not tried again: ${max_retries === 1 ? 'its 1 retry is' : `all ${max_retries} retries are`} spent.`,
      ];
    }
    case 'not_retryable':
      return [
        what,
        'It is not tried again: its handler, or whoever ran it, called this error not retryable.',
      ];
    case 'worker_lost':
      return [
        what,
        `It is not tried again: ${count(attempts.lost, 'attempt')} in a row ${attempts.lost === 1 ? 'was' : 'were'} lost with their worker, so it may be what ends them.`,
      ];
  }
}

function cancellation(
  { id, reason, previous, operation, finished_at, spec }: CancelledTask,
  { history }: Situation,
): string[] {
  if (reason === 'expired')
    return [
      `It did not start before ${spec.expires_at ?? 'its time'} (expires_at), so it was revoked at ${finished_at}; it was ${previous} until then.`,
      `Run it all the same with POST /tasks/${id}/branch.`,
    ];
  const last = history.facts.at(-1);
  const by = last?.kind === 'cancelled' ? ` by ${last.actor}${because(last.data.message)}` : '';
  return [
    `It was cancelled at ${finished_at}${by}. It was ${previous} until then.`,
    operation === undefined
      ? `Run it again with POST /tasks/${id}/branch.`
      : `The operation ${operation} cancelled it with others: undo that to bring them back.`,
  ];
}
