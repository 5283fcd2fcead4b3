import type { ExistingTask, TaskEvent } from '@millrace/domain';
import { ProblemError } from '../http/problem.js';

/**
 * The event by which a task returns that has left the log: whole in itself. What it would name by sequence is gone, so it carries the
 * parameters, and the next run starts from the beginning.
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
  const { input: _input, checkpoint: _checkpoint, step: _step, ...card } = event.data;
  return { ...event, data: { ...card, parameters } } as TaskEvent;
}
