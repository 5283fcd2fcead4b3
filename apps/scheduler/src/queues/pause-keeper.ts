import { LANES } from '@millrace/domain';
import { laneConsumer, settlePause } from '@millrace/log';
import type { Entry, QueueRecord, TaskLog } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';

/** Whoever pauses or resumes a queue has so long to end it himself. */
const LEFT_ALONE_MS = 3_000;
const DEADLINE = { deadlineMs: DEADLINE_MS };

/**
 * Keeps the lanes of the queues what their records say: after a crash in the middle of a pause, for a consumer that was made anew, and when
 * somebody paused or resumed a consumer by hand.
 */
export class PauseKeeper {
  constructor(
    private readonly log: TaskLog,
    private readonly logger: Logger,
    private readonly leftAloneMs = LEFT_ALONE_MS,
  ) {}

  /** Never more to do than one round does. */
  async round(signal: AbortSignal): Promise<boolean> {
    // Before the records: what is paused after this look is not taken for a mistake.
    const pauses = await this.log.admin.pauses();
    for (const entry of await this.log.buckets.queues.entries()) {
      if (signal.aborted) break;
      if (this.#isUnderWay(entry)) continue;
      if (entry.value.announce || differs(entry, pauses)) await this.#settle(entry.key);
    }
    return false;
  }

  #isUnderWay({ value: { announce } }: Entry<QueueRecord>): boolean {
    return announce !== undefined && Date.now() - Date.parse(announce.at) < this.leftAloneMs;
  }

  async #settle(queue: string): Promise<void> {
    const { isPaused, changed, isAnnounced } = await settlePause(this.log, queue, DEADLINE);
    if (changed === 0 && !isAnnounced) return;
    const verb = isPaused ? 'paused' : 'resumed';
    this.logger.warn({ queue, lanes: changed }, `A queue was not ${verb} as its record says, and is now`);
    if (isAnnounced) return;
    const note = {
      at: new Date().toISOString(),
      actor: ACTOR,
      queue,
      reason: 'Its lanes were not as its record says.',
    };
    await this.log.note('queue', verb, note, DEADLINE);
  }
}

function differs({ key, value }: Entry<QueueRecord>, pauses: ReadonlyMap<string, boolean>): boolean {
  const isPaused = value.paused !== undefined;
  return LANES.some((lane) => (pauses.get(laneConsumer(key, lane)) ?? isPaused) !== isPaused);
}
