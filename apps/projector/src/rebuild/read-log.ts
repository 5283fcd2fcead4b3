import { LogWentBackError, streams, subjects } from '@millrace/log';
import type { StoredMessage, TaskLog } from '@millrace/log';

export interface LogReading {
  log: TaskLog;
  /** The first sequence wanted, and the last. */
  from: number;
  end: number;
  /** Messages that are handed on at once at most. */
  batch: number;
  signal: AbortSignal;
  /** Resolves with whether there is a use for more. */
  onMessages: (messages: StoredMessage[]) => Promise<boolean>;
}

/** Hands on the messages of tasks, until the last one that is wanted or was there, or as long as there is a use for them. */
export async function readLog({ log, from, end, batch, signal, onMessages }: LogReading): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = (error?: unknown): void => {
      signal.removeEventListener('abort', abort);
      void follower.stop();
      if (error === undefined) resolve();
      else reject(asError(error));
    };
    const abort = (): void => {
      stop(signal.reason);
    };
    signal.addEventListener('abort', abort);
    const follower = log.follow({
      stream: streams.tasks.name,
      from,
      filters: [subjects.allTasks],
      batch,
      onMessages: async (messages) => {
        try {
          signal.throwIfAborted();
          const goOn = await onMessages(messages.filter(({ sequence }) => sequence <= end));
          if (!goOn || (messages.at(-1)?.sequence ?? 0) >= end) stop();
        } catch (error) {
          stop(error);
        }
      },
      onCaughtUp: () => {
        stop();
      },
      // It tries again by itself.
      onError: (error) => {
        if (error instanceof LogWentBackError) stop(error);
      },
    });
  });
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
