import { streams, decodeFact, parseSubject, subjects } from '@millrace/log';
import type { Follower, StoredMessage, TaskLog } from '@millrace/log';

export interface InterruptionHandlers {
  /** A task was cancelled by the fact with this sequence. */
  cancelled: (place: { queue: string; task_id: string; sequence: number }) => void;
  /** Somebody asks the task's worker to end it. */
  stopAsked: (place: { queue: string; task_id: string; sequence: number }) => void;
  /** Somebody asks the task's worker to put it aside within so many seconds. */
  pauseAsked: (place: { queue: string; task_id: string; sequence: number }, ask: PauseAsk) => void;
}

/** What an ask to pause says. */
export interface PauseAsk {
  reason: string;
  /** Seconds that the handler has to end in order. */
  grace_seconds: number;
}

/**
 * Follows what a worker of these queues must hear at once. From the log, not from a core subscription: what was written while the worker
 * was away reaches it with the reconnect.
 */
export async function followInterruptions(
  log: TaskLog,
  queues: string[],
  handlers: InterruptionHandlers,
  onError: (error: unknown) => void,
): Promise<Follower> {
  const { lastSequence } = await log.admin.state();
  return log.follow({
    stream: streams.tasks.name,
    from: lastSequence + 1,
    filters: queues.flatMap((queue) => subjects.interruptions(queue)),
    onMessages: (messages) => {
      for (const message of messages) tell(message, handlers);
    },
    onError,
  });
}

function tell(message: StoredMessage, handlers: InterruptionHandlers): void {
  const parsed = parseSubject(message.subject);
  if (parsed.type === 'other') return;
  const place = { queue: parsed.queue, task_id: parsed.task_id, sequence: message.sequence };
  if (parsed.type === 'fact' && decodeFact(message.subject, message.sequence, message.payload))
    handlers.cancelled(place);
  if (parsed.type === 'ask' && parsed.verb === 'stop') handlers.stopAsked(place);
  if (parsed.type === 'ask' && parsed.verb === 'pause')
    handlers.pauseAsked(place, JSON.parse(message.payload) as PauseAsk);
}
