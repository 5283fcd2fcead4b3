import type { ScheduledTask } from '@millrace/domain';
import { decodeDue, streams, subjects } from '@millrace/log';
import type { StoredMessage, TaskLog } from '@millrace/log';
import { ProjectionConnection, READ_MODEL_VERSION, migrate } from '@millrace/read-model';
import type { DueNote, TaskProjection } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import { AnchorKeeper } from './anchors/anchor-keeper.js';
import { withdrawAnchors } from './anchors/withdraw-anchors.js';
import { identify } from './common-point.js';
import type { ProjectorConfig } from './config.js';
import { followStream } from './follow-stream.js';
import { LagMeter } from './lag-meter.js';
import { readMessages } from './log-messages.js';
import { MetricsKeeper } from './metrics-keeper.js';
import { takeLock } from './projector-lock.js';
import { NOTE_DEADLINE_MS } from './projector.constants.js';

export interface SessionContext {
  log: TaskLog;
  config: ProjectorConfig;
  logger: Logger;
  /** Ends the session after the batch in hand. */
  signal: AbortSignal;
  /** Told how many messages were written, batch by batch. */
  onProjected: (messages: number) => void;
}

/** What the tables of tasks are folded from. */
const TASKS = { stream: streams.tasks.name, filter: subjects.allTasks };

/**
 * One connection to Postgres, as long as it and the log last: brings the tables up to date (after a crash of Postgres even they may be
 * gone), takes the lock, sees that the log is the one that was projected, follows it. Resolves when it is told to stop, rejects with
 * whatever else ended it.
 */
export async function runSession(context: SessionContext): Promise<void> {
  const { config, logger, signal } = context;
  await bringUpToDate(context);
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

/** Makes the tables as this version wants them. */
export async function bringUpToDate({
  config,
  logger,
}: Pick<SessionContext, 'config' | 'logger'>): Promise<void> {
  const migrations = await migrate(config.DATABASE_URL);
  if (migrations.length > 0) logger.info({ migrations }, 'The tables are up to date');
}

/** Sees that log and tables belong together, and takes the tables back to where they do. */
async function resume(connection: ProjectionConnection, context: SessionContext): Promise<TaskProjection> {
  const { log, logger } = context;
  const state = await log.admin.state();
  const offset = await connection.offset();
  if (offset && offset.version !== READ_MODEL_VERSION)
    logger.warn(
      { tables: offset.version, code: READ_MODEL_VERSION },
      'The tables were folded by another version: rebuild them',
    );
  const identity = offset ? await identify(log.read, state, connection, offset) : { type: 'same' as const };
  switch (identity.type) {
    case 'same':
      break;
    case 'gap':
      await tellGap(context, identity);
      break;
    case 'went-back': {
      const { to, fingerprint } = identity;
      const from = offset?.sequence ?? 0;
      await withdrawAnchors(log, to, 'The log went back.');
      const dueOf = (wait: ScheduledTask): Promise<DueNote | undefined> => lastDue(log, wait);
      const rewound = await connection.rewind({ from, to, fingerprint, dueOf });
      const note = { at: new Date().toISOString(), actor: 'projector', from, to, ...rewound };
      logger.error(note, 'The log has gone back: the tables were taken back to the last fact in common');
      await log.note('projection', 'rewound', note, { deadlineMs: NOTE_DEADLINE_MS });
      // Another stream, and tables that end before it begins.
      const gap = { from: from + 1, to: state.firstSequence - 1, missing: state.firstSequence - from - 1 };
      if (from > 0 && gap.missing > 0) await tellGap(context, gap);
    }
  }
  return connection.resume(state.createdAt);
}

async function tellGap(
  { log, logger }: SessionContext,
  { from, to, missing }: { from: number; to: number; missing: number },
): Promise<void> {
  const gap = { from, to, missing };
  logger.error(gap, 'Facts have left the log before they were projected: the tables lack them');
  const note = { at: new Date().toISOString(), actor: 'projector', ...gap };
  await log.note('projection', 'facts_missing', note, { deadlineMs: NOTE_DEADLINE_MS });
}

async function lastDue(log: TaskLog, wait: ScheduledTask): Promise<DueNote | undefined> {
  const task = { queue: wait.queue, task_id: wait.id };
  const message = await log.read.lastOn(subjects.due(task, wait.lane));
  if (!message) return undefined;
  const { after } = decodeDue(task, message.sequence, message.payload);
  const at = new Date(message.storedAtMs).toISOString();
  return { task_id: wait.id, sequence: message.sequence, after, at };
}

function follow(
  connection: ProjectionConnection,
  projection: TaskProjection,
  { log, config, logger, signal, onProjected }: SessionContext,
): Promise<void> {
  const keeper = new MetricsKeeper(projection, config, logger);
  const anchors = new AnchorKeeper(log, config, logger);
  keeper.start();
  anchors.start();
  return followStream({
    log,
    ...TASKS,
    from: projection.sequence + 1,
    batch: config.MILLRACE_PROJECTOR_BATCH,
    write: async (batch, meter) => {
      await project(projection, meter, batch, logger);
      onProjected(batch.length);
    },
    isOverlapping: true,
    meterOf: (pending) => new LagMeter(log, TASKS, projection, pending),
    ended: connection.ended,
    logger,
    signal,
  }).finally(() => Promise.all([keeper.stop(), anchors.stop()]));
}

async function project(
  projection: TaskProjection,
  meter: LagMeter,
  batch: StoredMessage[],
  logger: Logger,
): Promise<void> {
  const junk: string[] = [];
  const messages = readMessages(batch, (error) => junk.push(error.message));
  const { ignored } = await meter.during(() => projection.apply(messages, meter.lagOf(batch)));
  if (ignored.length > 0)
    logger.warn(
      { sequences: ignored.slice(0, 10), count: ignored.length, reason: junk[0] },
      'Bodies were passed over',
    );
}
