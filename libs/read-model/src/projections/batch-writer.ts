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

/** Takes for granted what the writer knows of the tables, which is the cheapest way. */
export async function writeAsKnown(client: Client, { facts, begun, moved, changed }: Batch): Promise<void> {
  if (facts.length > 0) await copyIn(client, copyEvents(facts));
  if (begun.length > 0) await copyIn(client, copyTasks(begun));
  if (moved.length > 0) {
    const { rowCount } = await client.query(moveTasks(moved));
    if (rowCount !== moved.length) throw new MistakenError();
  }
  if (changed.length > 0) await client.query(upsertTasks(changed));
}

/**
 * Whether the tables are not as the writer knew them: a task id has come back after all of its facts had left the log, or somebody has had
 * a hand in the tables.
 */
export const wasMistaken = (error: unknown): boolean =>
  error instanceof MistakenError || (error as { code?: unknown }).code === UNIQUE_VIOLATION;

/** The same in the fewest statements, which suits a short batch. */
export async function writeFew(client: Client, batch: Batch): Promise<void> {
  const { facts, tasks } = await write(client, batch);
  if (facts < batch.facts.length || tasks !== batch.begun.length) throw new MistakenError();
}

/** Takes nothing for granted. */
export async function writeWhatever(client: Client, batch: Batch): Promise<void> {
  await write(client, batch);
}

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
