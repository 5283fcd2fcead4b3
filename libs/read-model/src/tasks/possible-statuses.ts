import { STATUSES } from '@millrace/domain';
import type { CancelReason, FailureReason, TaskStatus, WaitReason } from '@millrace/domain';

/** What of a filter is about the status. */
interface StatusFilter {
  status?: TaskStatus | readonly TaskStatus[] | undefined;
  reason?: string | undefined;
  error?: string | undefined;
}

/** Why somebody paused a task may be any text. */
const REASONED: readonly TaskStatus[] = ['PENDING', 'RETRY', 'PAUSED', 'FAILURE', 'REVOKED'];
const WITH_ERROR: readonly TaskStatus[] = ['PENDING', 'RETRY', 'FAILURE'];

const STATUS_OF_REASON: ReadonlyMap<string, TaskStatus> = new Map(
  Object.entries({
    retries_spent: 'FAILURE',
    not_retryable: 'FAILURE',
    worker_lost: 'FAILURE',
    cancelled: 'REVOKED',
    expired: 'REVOKED',
    delay: 'PENDING',
    sleep: 'PENDING',
    signal: 'PENDING',
    retry: 'RETRY',
  } satisfies Record<FailureReason | CancelReason | WaitReason, TaskStatus>),
);

/**
 * Statuses that tasks of a filter can have. Postgres does not know that some go together never: it would walk all tasks of one of them to
 * find none of the other.
 */
export const possibleStatuses = ({ status, reason, error }: StatusFilter): TaskStatus[] =>
  STATUSES.filter(
    (one) =>
      (status === undefined || [status].flat().includes(one)) &&
      (reason === undefined || mayHaveReason(one, reason)) &&
      (error === undefined || WITH_ERROR.includes(one)),
  );

/** Whether no task is expected: somebody may have paused one for a reason of ours, or a later version may have other reasons. */
export const isUnlikely = ({ status, reason }: StatusFilter): boolean =>
  status !== undefined &&
  reason !== undefined &&
  ![status].flat().includes(STATUS_OF_REASON.get(reason) ?? 'PAUSED');

function mayHaveReason(status: TaskStatus, reason: string): boolean {
  const of = STATUS_OF_REASON.get(reason);
  return status === 'PAUSED' || (of === undefined ? REASONED.includes(status) : status === of);
}
