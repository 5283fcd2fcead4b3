import type { CommandOf } from './commands.js';
import type { EndedStatus, TaskEvent } from './facts.js';
import { TaskRefusal } from './refusals.js';
import { statusOf } from './state.js';
import type { CleanedTask, ExistingTask } from './state.js';

/** The end stays as it was; what the task was asked to do and what came of it go. A task that has moved since is none that was judged. */
export function clean(command: CommandOf<'clean'>, state: ExistingTask): TaskEvent | undefined {
  switch (state.phase) {
    case 'cleaned':
      return undefined;
    case 'succeeded':
    case 'failed':
    case 'cancelled': {
      if (state.sequence !== command.seen)
        throw notCleanable(`The task has moved on since the fact ${command.seen}.`);
      const { spec: task, attempts, finished_at } = state;
      const { retention_hours } = command;
      const status = STATUS[state.phase];
      const kept = retention_hours === undefined ? {} : { retention_hours };
      return { kind: 'cleaned', data: { task, attempts, status, finished_at, ...kept } };
    }
    case 'ready':
    case 'scheduled':
    case 'held':
    case 'running':
    case 'paused':
      throw notCleanable(`The task is ${statusOf(state)}; only what has ended is cleaned up.`);
  }
}

/** The answer to whoever asks for what is gone. */
export const cleanedUp = (state: CleanedTask): TaskRefusal =>
  new TaskRefusal(
    'task/already-cleaned',
    `The task ended as ${state.status} at ${state.finished_at} and was cleaned up at ${state.cleaned_at}: its parameters, result and error are gone. Submit it as a new task to run it again.`,
  );

const STATUS = { succeeded: 'SUCCESS', failed: 'FAILURE', cancelled: 'REVOKED' } as const satisfies Record<
  string,
  EndedStatus
>;

const notCleanable = (message: string): TaskRefusal => new TaskRefusal('task/not-cleanable', message);
