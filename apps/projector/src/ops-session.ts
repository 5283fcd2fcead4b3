import { streams, subjects } from '@millrace/log';
import type { StoredMessage, TaskLog } from '@millrace/log';
import { OpsConnection } from '@millrace/read-model';
import type { OpsProjection } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import { identify } from './common-point.js';
import type { ReadableLog } from './common-point.js';
import { followStream } from './follow-stream.js';
import { LagMeter } from './lag-meter.js';
import { readOpsMessage } from './ops-messages.js';
import { bringUpToDate } from './projection-session.js';
import type { SessionContext } from './projection-session.js';
import { takeLock } from './projector-lock.js';
import { NOTE_DEADLINE_MS } from './projector.constants.js';

const OPS = { stream: streams.ops.name, filter: subjects.allOps };

/**
 * Keeps `ops_events` and `audit_commands` up with the stream `OPS`, on a connection and with an offset of its own, as the session of the
 * tasks does with the log. Resolves when it is told to stop, rejects with whatever else ended it.
 */
export async function runOpsSession(context: SessionContext): Promise<void> {
  const { log, config, logger, signal } = context;
  await bringUpToDate(context);
  const connection = await OpsConnection.open(config.DATABASE_URL);
  try {
    await takeLock(connection, logger, signal);
    if (signal.aborted) return;
    const projection = await resume(connection, context);
    await followStream({
      log,
      ...OPS,
      from: projection.sequence + 1,
      batch: config.MILLRACE_PROJECTOR_BATCH,
      write: (batch, meter) => project(projection, meter, batch, logger),
      meterOf: (pending) => new LagMeter(log, OPS, projection, pending),
      ended: connection.ended,
      logger,
      signal,
    });
  } finally {
    await connection.close();
  }
}

/** Sees that stream and table belong together, and takes the table back to where they do. */
async function resume(connection: OpsConnection, { log, logger }: SessionContext): Promise<OpsProjection> {
  const state = await log.admin.state(OPS.stream);
  const offset = await connection.offset();
  const identity = offset
    ? await identify(notesOf(log), state, connection, offset)
    : { type: 'same' as const };
  switch (identity.type) {
    case 'same':
      break;
    case 'gap':
      logger.error(identity, 'Notes have left the stream OPS before they were archived');
      break;
    case 'went-back': {
      const { to, fingerprint } = identity;
      const from = offset?.sequence ?? 0;
      const lostNotes = await connection.takeBack({ from, to, fingerprint });
      const note = {
        at: new Date().toISOString(),
        actor: 'projector',
        stream: OPS.stream,
        from,
        to,
        lostNotes,
      };
      logger.error(
        note,
        'The stream OPS has gone back: its archive was taken back to the last note in common',
      );
      await log.note('projection', 'rewound', note, { deadlineMs: NOTE_DEADLINE_MS });
    }
  }
  return connection.resume(state.createdAt);
}

/** A note is told from another by its whole body, which the archive has as it was written. */
function notesOf(log: TaskLog): ReadableLog {
  const messageAt = (sequence: number): Promise<StoredMessage | undefined> =>
    log.read.messageAt(sequence, OPS.stream);
  return {
    messageAt,
    factAt: async (sequence) => {
      const message = await messageAt(sequence);
      return message && { id: message.payload };
    },
  };
}

async function project(
  projection: OpsProjection,
  meter: LagMeter,
  batch: StoredMessage[],
  logger: Logger,
): Promise<void> {
  const ignored = await meter.during(() => projection.apply(batch.map(readOpsMessage), meter.lagOf(batch)));
  if (ignored.length > 0)
    logger.warn({ sequences: ignored.slice(0, 10), count: ignored.length }, 'Notes of OPS were passed over');
}
