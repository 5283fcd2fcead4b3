import type { AppendOptions } from './appender.js';
import type { QueueRecord } from './bucket-records.js';
import type { Entry } from './buckets.js';
import type { TaskLog } from './task-log.js';

/** What it took to make a queue what its record says. */
export interface Settled {
  isPaused: boolean;
  /** Lanes that were not so before. */
  changed: number;
  /** Tickets in the lanes, as the server counts. */
  pending: number;
  /** Whether OPS was told by this. */
  isAnnounced: boolean;
}

type PauseLog = Pick<TaskLog, 'admin' | 'buckets' | 'note'>;

/**
 * Brings the lanes of a queue to what its record says, tells it in OPS, and notes in the record that it was told. Whoever pauses or resumes
 * a queue writes the record and calls this; when he dies in between, whoever calls it next ends what was begun. It may be told twice then.
 */
export async function settlePause(log: PauseLog, queue: string, options?: AppendOptions): Promise<Settled> {
  let changed = 0;
  for (;;) {
    const before = await log.buckets.queues.get(queue);
    const isPaused = isPausedIn(before);
    const lanes = await log.admin.lanes(queue);
    const others = lanes.filter((lane) => lane.isPaused !== isPaused);
    // What is open at any moment are the most urgent lanes: nothing passes what is more urgent while it is closed or opened.
    for (const { lane } of isPaused ? others.reverse() : others)
      await log.admin.setPaused(queue, lane, isPaused);
    changed += others.length;
    const entry = await log.buckets.queues.get(queue);
    // Somebody changed their mind meanwhile, and may have been faster at some of the lanes.
    if (isPausedIn(entry) !== isPaused) continue;
    const pending = lanes.reduce((sum, lane) => sum + lane.pending, 0);
    return { isPaused, changed, pending, isAnnounced: await announce(log, entry, options) };
  }
}

const isPausedIn = (entry: Entry<QueueRecord> | undefined): boolean => entry?.value.paused !== undefined;

async function announce(
  log: PauseLog,
  entry: Entry<QueueRecord> | undefined,
  options?: AppendOptions,
): Promise<boolean> {
  if (!entry?.value.announce) return false;
  const { announce, ...told } = entry.value;
  const { verb, ...rest } = announce;
  await log.note('queue', verb, { ...rest, queue: entry.key }, options);
  // Refused when the record has changed meanwhile: then it is told once more, by whoever changed it or the next to settle it.
  await log.buckets.queues.update(entry.key, told, entry.revision);
  return true;
}
