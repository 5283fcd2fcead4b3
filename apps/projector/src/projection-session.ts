import { setTimeout as sleep } from 'node:timers/promises';
import type { ScheduledTask } from '@millrace/domain';
import { decodeDue, streams, subjects } from '@millrace/log';
import type { StoredMessage, TaskLog } from '@millrace/log';
import { ProjectionConnection, migrate } from '@millrace/read-model';
import type { DueNote, TaskProjection } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import { identify } from './common-point.js';
import type { ProjectorConfig } from './config.js';
import { batchesOf } from './batches.js';
import { LagMeter } from './lag-meter.js';
import { readMessage } from './log-messages.js';

export interface SessionContext {
  log: TaskLog;
  config: ProjectorConfig;
  logger: Logger;
  /** Ends the session after the batch in hand. */
  signal: AbortSignal;
}

const LOCK_RETRY_MS = 250;
/** A short batch costs as much as a longer one: between short ones a little more may come. The first is written at once. */
const SHORT_BATCH = 250;
const SHORT_BATCH_EVERY_MS = 25;
const NOTE_DEADLINE_MS = 5_000;

/** The broker was away or made anew: it must be looked at again, whether it is the same log. */
class LogChangedError extends Error {
  override readonly name = 'LogChangedError';
}

/**
 * One connection to Postgres, as long as it and the log last: brings the tables up to date (after a crash of Postgres even they may be
 * gone), takes the lock, sees that the log is the one that was projected, follows it. Resolves when it is told to stop, rejects with
 * whatever else ended it.
 */
export async function runSession(context: SessionContext): Promise<void> {
  const { config, logger, signal } = context;
  const migrations = await migrate(config.DATABASE_URL);
  if (migrations.length > 0) logger.info({ migrations }, 'The tables are up to date');
  const connection = await ProjectionConnection.open(config.DATABASE_URL, {
    knownTasks: config.MILLRACE_PROJECTOR_KNOWN_TASKS,
  });
  try {
    await takeLock(connection, logger, signal);
    if (signal.aborted) return;
    const projection = await resume(connection, context);
    logger.info({ sequence: projection.sequence }, 'Projecting the log');
    await follow(connection, projection, context);
  } finally {
    await connection.close();
  }
}

async function takeLock(
  connection: ProjectionConnection,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  for (let isFirst = true; !signal.aborted && !(await connection.tryLock()); isFirst = false) {
    if (isFirst) logger.info('Another projector writes these tables; waiting for its end');
    await sleep(LOCK_RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Sees that log and tables belong together, and takes the tables back to where they do. */
async function resume(connection: ProjectionConnection, context: SessionContext): Promise<TaskProjection> {
  const { log, logger } = context;
  const state = await log.admin.state();
  const offset = await connection.offset();
  const identity = offset ? await identify(log.read, state, connection, offset) : { type: 'same' as const };
  switch (identity.type) {
    case 'same':
      break;
    case 'gap':
      logger.error(identity, 'Facts have left the log before they were projected: the tables lack them');
      break;
    case 'went-back': {
      const { to, fingerprint } = identity;
      const from = offset?.sequence ?? 0;
      const dueOf = (wait: ScheduledTask): Promise<DueNote | undefined> => lastDue(log, wait);
      const rewound = await connection.rewind({ from, to, fingerprint, dueOf });
      const note = { at: new Date().toISOString(), actor: 'projector', from, to, ...rewound };
      logger.error(note, 'The log has gone back: the tables were taken back to the last fact in common');
      await log.note('projection', 'rewound', note, { deadlineMs: NOTE_DEADLINE_MS });
    }
  }
  return connection.resume(state.createdAt);
}

async function lastDue(log: TaskLog, wait: ScheduledTask): Promise<DueNote | undefined> {
  const task = { queue: wait.queue, task_id: wait.id };
  const message = await log.read.lastOn(subjects.due(task, wait.lane));
  if (!message) return undefined;
  const { after } = decodeDue(task, message.sequence, message.payload);
  const at = new Date(message.storedAtMs).toISOString();
  return { task_id: wait.id, sequence: message.sequence, after, at };
}

async function follow(
  connection: ProjectionConnection,
  projection: TaskProjection,
  { log, config, logger, signal }: SessionContext,
): Promise<void> {
  let end!: (error?: Error) => void;
  const ended = new Promise<Error | undefined>((resolve) => (end = resolve));
  const session = new AbortController();
  void ended.then(() => {
    session.abort();
  });
  const meter = new LagMeter(log, connection, projection, () => follower.pending);
  const onMessages = async (stored: StoredMessage[]): Promise<void> => {
    const begun = performance.now();
    for (const batch of batchesOf(stored, config.MILLRACE_PROJECTOR_BATCH)) {
      // What came after a reconnect may be from a log that has gone back.
      session.signal.throwIfAborted();
      await project(projection, meter, batch, logger);
    }
    const restMs = SHORT_BATCH_EVERY_MS - (performance.now() - begun);
    if (stored.length < SHORT_BATCH && restMs > 1)
      await sleep(restMs, undefined, { signal: session.signal }).catch(() => undefined);
  };
  const follower = log.follow({
    stream: streams.tasks.name,
    from: projection.sequence + 1,
    filters: [subjects.allTasks],
    batch: config.MILLRACE_PROJECTOR_BATCH,
    onMessages: (stored) =>
      onMessages(stored).catch((error: unknown) => {
        end(asError(error));
        throw error;
      }),
    onError: (error) => {
      if (!session.signal.aborted) logger.warn({ err: error }, 'The log could not be followed; trying again');
    },
  });
  const unlisten = log.on('reconnected', () => {
    end(new LogChangedError('The broker was away.'));
  });
  signal.addEventListener('abort', () => {
    end();
  });
  void connection.ended.then(end);
  meter.start((reason) => {
    end(new LogChangedError(reason));
  });
  const reason = await ended;
  meter.stop();
  unlisten();
  await follower.stop();
  if (reason) throw reason;
}

async function project(
  projection: TaskProjection,
  meter: LagMeter,
  batch: StoredMessage[],
  logger: Logger,
): Promise<void> {
  const junk: string[] = [];
  const messages = batch.map((message) => readMessage(message, (error) => junk.push(error.message)));
  const { ignored } = await meter.during(() => projection.apply(messages, meter.lagOf(batch)));
  if (ignored.length > 0)
    logger.warn(
      { sequences: ignored.slice(0, 10), count: ignored.length, reason: junk[0] },
      'Bodies were passed over',
    );
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
