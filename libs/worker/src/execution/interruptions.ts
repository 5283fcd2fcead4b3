import { streams, decodeFact, parseSubject, subjects } from '@millrace/log';
import type { Follower, StoredMessage, TaskLog, TaskRef } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { TaskCancelledError, TaskPausedError } from '../errors.js';
import type { Attempt } from './attempt.js';

/** What an ask to pause says. */
interface PauseAsk {
  reason: string;
  /** Seconds that the handler has to end in order. */
  grace_seconds: number;
}

/**
 * Follows what a worker of these queues must hear at once, and tells the attempts that it means. From the log, not from a core
 * subscription: what was written while the worker was away reaches it with the reconnect.
 *
 * @param find the attempt of a task that runs here
 */
export async function followInterruptions(
  log: TaskLog,
  queues: string[],
  find: (task: TaskRef) => Attempt | undefined,
  logger: Logger,
): Promise<Follower> {
  const { lastSequence } = await log.admin.state();
  return log.follow({
    stream: streams.tasks.name,
    from: lastSequence + 1,
    filters: queues.flatMap((queue) => subjects.interruptions(queue)),
    onMessages: (messages) => {
      for (const message of messages) hear(message, find, logger);
    },
    onError: (error) => {
      logger.warn({ err: error }, 'Following cancels failed; trying again');
    },
  });
}

function hear(message: StoredMessage, find: (task: TaskRef) => Attempt | undefined, logger: Logger): void {
  const parsed = parseSubject(message.subject);
  if (parsed.type === 'other') return;
  const attempt = find(parsed);
  // What is older was meant for an earlier life of the task.
  if (!attempt || message.sequence <= attempt.token) return;
  if (parsed.type === 'fact' && decodeFact(message.subject, message.sequence, message.payload))
    attempt.interrupt(new TaskCancelledError('The task was cancelled.'));
  if (parsed.type === 'ask' && parsed.verb === 'stop') stop(attempt, logger);
  if (parsed.type === 'ask' && parsed.verb === 'pause')
    pause(attempt, JSON.parse(message.payload) as PauseAsk);
}

/** A cancel that lost its races against this attempt's own writes: the attempt writes it itself. */
function stop(attempt: Attempt, logger: Logger): void {
  attempt
    .record({ type: 'cancel', token: attempt.token })
    .then(() => {
      attempt.interrupt(new TaskCancelledError('The task was cancelled.'));
    })
    .catch((error: unknown) => {
      logger.warn({ err: error, task_id: attempt.state.id }, 'A stop could not be recorded');
    });
}

/** The handler is told, and has its grace to save a checkpoint; whoever asked takes the task away if nothing comes of it. */
function pause(attempt: Attempt, { reason, grace_seconds }: PauseAsk): void {
  const paused = new TaskPausedError(reason);
  attempt.abort(paused);
  const forced = setTimeout(() => attempt.interrupt(paused), grace_seconds * 1000).unref();
  void attempt.interrupted.then(() => clearTimeout(forced));
}
