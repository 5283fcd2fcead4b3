import type { ExistingTask, TaskEvent } from '@millrace/domain';
import { ProblemError } from '../http/problem.js';

/**
 * The event by which a task returns whose first facts have left the log: it carries the parameters. Its checkpoint and steps keep their
 * names: see {@link Revivals}.
 *
 * @throws ProblemError `task/archived` when the archive does not have the parameters
 */
export function revived(event: TaskEvent, { parameters }: ExistingTask): TaskEvent {
  if (!('task' in event.data) || event.kind === 'cleaned') return event;
  if (parameters === undefined)
    throw new ProblemError(
      'task/archived',
      'The task has left the log, and its parameters were not kept. Submit it as a new task.',
    );
  const { input: _input, ...card } = event.data;
  return { ...event, data: { ...card, parameters } } as TaskEvent;
}
