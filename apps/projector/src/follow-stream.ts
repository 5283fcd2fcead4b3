import type { StoredMessage, TaskLog } from '@millrace/log';
import { onAbort, rest } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';
import { batchesOf } from './batches.js';
import type { LagMeter } from './lag-meter.js';
import { TwoAtOnce } from './two-at-once.js';

export interface StreamFollowing {
  log: TaskLog;
  stream: string;
  filter: string;
  /** The first sequence wanted. */
  from: number;
  /** Messages in one transaction at most. */
  batch: number;
  /** Writes a batch. What it fails with ends the session. */
  write: (batch: StoredMessage[], meter: LagMeter) => Promise<void>;
  /** Whether a batch may be handed to it while the one before is being written. Defaults to false. */
  isOverlapping?: boolean;
  /** @param pending messages that were not handed on */
  meterOf: (pending: () => number) => LagMeter;
  /** Resolves when the connection to Postgres has ended. */
  ended: Promise<Error>;
  logger: Logger;
  /** Ends it after the batch in hand. */
  signal: AbortSignal;
}

/**
 * A short batch costs as much as a longer one, and a task whose facts are in one batch is written once: between short ones a little more
 * may come. The first is written at once.
 */
const SHORT_BATCH = 2_000;
const SHORT_BATCH_EVERY_MS = 50;

/** The broker was away or made anew: it must be looked at again, whether it is the same log. */
class LogChangedError extends Error {
  override readonly name = 'LogChangedError';
}

/** Follows a stream for a projection. Resolves when it is told to stop, rejects with whatever else ended it. */
export async function followStream(options: StreamFollowing): Promise<void> {
  const { log, logger, signal } = options;
  let end!: (error?: Error) => void;
  const ended = new Promise<Error | undefined>((resolve) => (end = resolve));
  const session = new AbortController();
  void ended.then(() => {
    session.abort();
  });
  const meter = options.meterOf(() => follower.pending);
  const writing = new TwoAtOnce();
  const write = async (batch: StoredMessage[]): Promise<void> => {
    await options.write(batch, meter).catch((error: unknown) => {
      end(asError(error));
      throw error;
    });
  };
  const onMessages = async (stored: StoredMessage[]): Promise<void> => {
    const begun = performance.now();
    for (const batch of batchesOf(stored, options.batch)) {
      // What came after a reconnect may be from a log that has gone back.
      session.signal.throwIfAborted();
      await writing.begin(() => write(batch));
      if (!options.isOverlapping) await writing.ended();
    }
    const restMs = SHORT_BATCH_EVERY_MS - (performance.now() - begun);
    if (stored.length < SHORT_BATCH && restMs > 1) await rest(restMs, session.signal);
  };
  const follower = log.follow({
    stream: options.stream,
    from: options.from,
    filters: [options.filter],
    batch: options.batch,
    onMessages,
    onError: (error) => {
      if (!session.signal.aborted) logger.warn({ err: error }, 'The log could not be followed; trying again');
    },
  });
  const unlisten = log.on('reconnected', () => {
    end(new LogChangedError('The broker was away.'));
  });
  const unheed = onAbort(signal, () => {
    end();
  });
  void options.ended.then(end);
  meter.start((reason) => {
    end(new LogChangedError(reason));
  });
  const reason = await ended;
  meter.stop();
  unlisten();
  unheed();
  await follower.stop();
  await writing.ended().catch(() => undefined);
  if (reason) throw reason;
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
