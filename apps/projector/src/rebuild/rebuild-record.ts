import type { Entry, RebuildRecord, TaskLog } from '@millrace/log';

/** What the record of rebuilds of the tasks is kept under. */
const KEY = 'tasks';

const ENDED: readonly RebuildRecord['phase'][] = ['done', 'failed', 'cancelled'];

/** Somebody cancelled the rebuild, or asked for another one. */
export class RebuildCancelledError extends Error {
  override readonly name = 'RebuildCancelledError';
}

/** The record of one rebuild, as whoever carries it out writes it. */
export class CurrentRebuild {
  private constructor(
    private readonly log: TaskLog,
    private entry: Entry<RebuildRecord>,
  ) {}

  /** The one that is to be done; undefined when there is none. */
  static async find(log: TaskLog): Promise<CurrentRebuild | undefined> {
    const entry = await log.buckets.rebuilds.get(KEY);
    if (!entry || ENDED.includes(entry.value.phase)) return undefined;
    return new CurrentRebuild(log, entry);
  }

  get wish(): Pick<RebuildRecord, 'id' | 'from' | 'swap' | 'actor'> {
    const { id, from, swap, actor } = this.entry.value;
    return { id, from, swap, actor };
  }

  /**
   * Tells how far it is.
   *
   * @throws RebuildCancelledError when it is not to go on
   */
  async tell(changes: Partial<RebuildRecord>): Promise<void> {
    const { rebuilds } = this.log.buckets;
    for (;;) {
      const value = { ...this.entry.value, ...changes, alive_at: new Date().toISOString() };
      const revision = await rebuilds.update(KEY, value, this.entry.revision);
      if (revision !== undefined) {
        this.entry = { key: KEY, value, revision };
        return;
      }
      // It may have been a write of our own whose answer was lost.
      const found = await rebuilds.get(KEY);
      if (found?.value.id !== value.id || ENDED.includes(found.value.phase))
        throw new RebuildCancelledError('The rebuild was cancelled.');
      this.entry = found;
    }
  }
}
