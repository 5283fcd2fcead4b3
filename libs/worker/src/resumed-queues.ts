import { streams, subjects } from '@millrace/log';
import type { Follower, TaskLog } from '@millrace/log';
import type { Logger } from '@millrace/runtime';

/**
 * Calls back when one of the queues was resumed: its tickets are there again, but a pull that was parked meanwhile does not wake by itself.
 * From OPS, not from a core subscription: what was told while the worker was away reaches it with the reconnect.
 */
export async function followResumes(
  log: TaskLog,
  queues: string[],
  onResumed: () => void,
  logger: Logger,
): Promise<Follower> {
  const subject = subjects.op('queue', 'resumed');
  const last = await log.read.lastOn(subject, streams.ops.name);
  return log.follow({
    stream: streams.ops.name,
    from: (last?.sequence ?? 0) + 1,
    filters: [subject],
    onMessages: (messages) => {
      if (messages.some(({ payload }) => queues.includes(queueIn(payload)))) onResumed();
    },
    onError: (error) => {
      logger.warn({ err: error }, 'Following resumes failed; trying again');
    },
  });
}

const queueIn = (payload: string): string => {
  try {
    return String((JSON.parse(payload) as { queue?: unknown }).queue);
  } catch {
    return '';
  }
};
