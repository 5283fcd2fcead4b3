import { setImmediate as turn } from 'node:timers/promises';
import type { Client } from 'pg';
import type { TaskRow } from '../tasks/task.entity.js';
import { copyIn } from './copy-in.js';
import { copyEvents, copyTasks, insertEvents, moveTasks, upsertTasks } from './task-tables.js';
import type { ArchivedFact } from './task-tables.js';

/** What a batch writes. */
export interface Batch {
  facts: readonly ArchivedFact[];
  /** Tasks whose rows are not in the table, as far as the writer knows. */
  begun: readonly TaskRow[];
  /** Tasks whose rows are there, and whose card has not changed. */
  moved: readonly TaskRow[];
  /** The other tasks. */
  changed: readonly TaskRow[];
}

/** The tables are not as the writer knew them. */
class MistakenError extends Error {
  override readonly name = 'MistakenError';

  constructor() {
    super('A row that should be there is not, or one that should not be there is.');
  }
}

const UNIQUE_VIOLATION = '23505';

/** Writes a batch; what it writes is made up already. */
export type BatchWrite = (client: Client) => Promise<void>;

/** Takes for granted what the writer knows of the tables, which is the cheapest way. Whatever else waits has its turn in between. */
export async function knownWrites({ facts, begun, moved, changed }: Batch): Promise<BatchWrite> {
  const events = facts.length > 0 && copyEvents(facts);
  await turn();
  const fresh = begun.length > 0 && copyTasks(begun);
  await turn();
  const movements = moved.length > 0 && moveTasks(moved);
  const changes = changed.length > 0 && upsertTasks(changed);
  return async (client) => {
    if (events) await copyIn(client, events);
    if (fresh) await copyIn(client, fresh);
    if (movements) {
      const { rowCount } = await client.query(movements);
      if (rowCount !== moved.length) throw new MistakenError();
    }
    if (changes) await client.query(changes);
  };
}

/**
 * Whether the tables are not as the writer knew them: a task id has come back after all of its facts had left the log, or somebody has had
 * a hand in the tables.
 */
export const wasMistaken = (error: unknown): boolean =>
  error instanceof MistakenError || (error as { code?: unknown }).code === UNIQUE_VIOLATION;

/** The same in the fewest statements, which suits a short batch. */
export const fewWrites =
  (batch: Batch): BatchWrite =>
  async (client) => {
    const { facts, tasks } = await write(client, batch);
    if (facts < batch.facts.length || tasks !== batch.begun.length) throw new MistakenError();
  };

/** Takes nothing for granted. */
export const whateverWrites =
  (batch: Batch): BatchWrite =>
  async (client) => {
    await write(client, batch);
  };

/** How many facts and tasks are new. */
async function write(
  client: Client,
  { facts, begun, moved, changed }: Batch,
): Promise<{ facts: number; tasks: number }> {
  const archived = facts.length > 0 ? await client.query(insertEvents(facts)) : undefined;
  const tasks = [...begun, ...moved, ...changed];
  const upserted =
    tasks.length > 0 ? await client.query<{ inserted: boolean }>(upsertTasks(tasks)) : undefined;
  return {
    facts: archived?.rowCount ?? 0,
    tasks: upserted?.rows.filter(({ inserted }) => inserted).length ?? 0,
  };
}
