import type { Kind } from '@millrace/domain';
import type { TaskRef } from '@millrace/log';

/** Which facts a client wants: of one task, or of all that fit. */
export interface EventFilter {
  task_id?: string | undefined;
  queue?: string | undefined;
  kinds?: ReadonlySet<Kind> | undefined;
  task_name?: string | undefined;
}

/** Whether a fact may be wanted, by its place in the log alone. */
export const fitsPlace = (filter: EventFilter, { kind, ...task }: TaskRef & { kind: Kind }): boolean =>
  fitsTask(filter, task) && (filter.kinds?.has(kind) ?? true);

/** Whether it is about a task that may be wanted. */
export const fitsTask = ({ task_id, queue }: EventFilter, task: TaskRef): boolean =>
  (task_id ?? task.task_id) === task.task_id && (queue ?? task.queue) === task.queue;
