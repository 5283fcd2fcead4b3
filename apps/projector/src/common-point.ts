import type { Fact } from '@millrace/domain';
import { BadBodyError } from '@millrace/log';
import type { LogState, StoredMessage } from '@millrace/log';
import type { ArchivedPoint, ProjectionOffset } from '@millrace/read-model';
import { fingerprintOf } from './log-messages.js';

/** What is asked of the log. */
export interface ReadableLog {
  messageAt(sequence: number): Promise<StoredMessage | undefined>;
  /** What tells it from another that may have stood there. */
  factAt(sequence: number): Promise<Pick<Fact, 'id'> | undefined>;
}

/** What is asked of the archive. */
export interface Archive {
  archivedAt(sequence: number): Promise<ArchivedPoint | undefined>;
}

/** Whether the log is still the one that was projected. */
export type LogIdentity =
  | { type: 'same' }
  /** The same, but messages have left it before they were projected: those from `from` to `to`. */
  | { type: 'gap'; missing: number; from: number; to: number }
  /** It has gone back: a power loss, a restored backup, another log. Log and tables have everything up to here in common. */
  | { type: 'went-back'; to: number; fingerprint: string };

/** Looks whether the log still holds the message that was projected last; if not, up to where log and archive agree. */
export async function identify(
  log: ReadableLog,
  state: LogState,
  archive: Archive,
  offset: Pick<ProjectionOffset, 'sequence' | 'fingerprint' | 'stream_created_at'>,
): Promise<LogIdentity> {
  if (offset.sequence === 0) return { type: 'same' };
  const message = await log.messageAt(offset.sequence);
  if (message && fingerprintOf(message) === offset.fingerprint) return { type: 'same' };
  // Purged. (A hole further up proves nothing: a new message there may have been a timer, which takes itself away when it fires.)
  const isPurged = state.createdAt === offset.stream_created_at && offset.sequence < state.firstSequence;
  if (isPurged && state.lastSequence >= offset.sequence) {
    const missing = state.firstSequence - offset.sequence - 1;
    const [from, to] = [offset.sequence + 1, state.firstSequence - 1];
    return missing > 0 ? { type: 'gap', missing, from, to } : { type: 'same' };
  }
  const to = await lastInCommon(log, state, archive, offset.sequence);
  const common = to > 0 ? await log.messageAt(to) : undefined;
  return { type: 'went-back', to, fingerprint: common ? fingerprintOf(common) : '' };
}

/**
 * The last fact that log and archive agree on, 0 if there is none: by halving, since logs with the same fact at one place have the same
 * before it. What the janitor has taken from the log cannot be compared and counts as agreed.
 */
async function lastInCommon(
  log: ReadableLog,
  state: LogState,
  archive: Archive,
  offset: number,
): Promise<number> {
  let [low, high] = [0, offset];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const point = await archive.archivedAt(middle);
    if (!point || point.sequence <= low || (await agrees(log, state, point))) low = middle;
    else high = point.sequence - 1;
  }
  return (await archive.archivedAt(low))?.sequence ?? 0;
}

async function agrees(log: ReadableLog, state: LogState, point: ArchivedPoint): Promise<boolean> {
  if (point.sequence < state.firstSequence) return true;
  try {
    return (await log.factAt(point.sequence))?.id === point.event_id;
  } catch (error) {
    if (error instanceof BadBodyError) return false;
    throw error;
  }
}
