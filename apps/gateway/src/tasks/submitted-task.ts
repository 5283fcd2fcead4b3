import { statusOf } from '@millrace/domain';
import type { ExistingTask, TaskSpec } from '@millrace/domain';
import type { TaskRef } from '@millrace/log';
import type { SubmittedTask } from './submit-task.schema.js';

/** The answer to a submission that the log has taken. */
export const submitted = (
  ref: TaskRef,
  { priority, submitted_at }: TaskSpec,
  sequence: number,
): SubmittedTask => ({
  task_id: ref.task_id,
  status: 'PENDING',
  queue: ref.queue,
  priority,
  submitted_at,
  duplicate: false,
  replaced: false,
  sequence,
});

/** The answer to a submission whose task is there already. */
export const duplicateOf = (state: ExistingTask): SubmittedTask => ({
  ...submitted({ queue: state.queue, task_id: state.id }, state.spec, state.sequence),
  status: statusOf(state),
  duplicate: true,
});
