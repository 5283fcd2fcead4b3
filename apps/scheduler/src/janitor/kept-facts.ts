import { hasEnded } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import type { SweepQueries } from '@millrace/read-model';

/** Whoever brings a task back keeps its facts anew before: such are younger, and stay. */
const STAYS_MS = 10 * 60_000;
const TASKS_AT_ONCE = 500;

/**
 * Lets go of what was kept for tasks that have ended: the archive has it too. The log is asked about each, for the tables lag behind.
 *
 * @returns the number of facts
 */
export async function dropKeptFacts(
  log: TaskLog,
  tables: SweepQueries,
  signal?: AbortSignal,
  staysMs = STAYS_MS,
): Promise<number> {
  const owners = await log.kept.byOwner();
  const ids = [...owners.keys()];
  let dropped = 0;
  for (let at = 0; at < ids.length; at += TASKS_AT_ONCE)
    for (const id of await tables.ended(ids.slice(at, at + TASKS_AT_ONCE))) {
      signal?.throwIfAborted();
      const state = await log.read.current({ task_id: id });
      if (state.phase !== 'none' && !hasEnded(state)) continue;
      for (const subject of owners.get(id) ?? [])
        if (await log.kept.dropOlder(subject, Date.now() - staysMs)) dropped++;
    }
  return dropped;
}
