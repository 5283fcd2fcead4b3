import type { ScheduledTask } from '@millrace/domain';
import type { Client } from 'pg';
import { takeBack } from '../metrics/lost-metrics.js';
import { rowOf } from '../tasks/task.mapping.js';
import { noteDue, project } from '../tasks/task.projection.js';
import type { DueNote, ProjectedTask } from '../tasks/task.projection.js';
import { factOfEvent, parsedEvent } from '../task-events/archived-fact.js';
import type { StoredRow } from '../tasks/task.columns.js';
import type { TaskEventRow } from '../task-events/task-event.entity.js';
import { indexAnew } from '../search/search-index.js';
import { OffsetMovedError } from './projection-errors.js';
import { upsertTasks } from './task-tables.js';

export interface RewindOptions {
  /** Where the projection stands. */
  from: number;
  /** The last sequence that log and tables have in common. */
  to: number;
  /** Of the message there. */
  fingerprint: string;
  /** The last ticket that the timer of a wait has fired, as the log has it: the archive keeps facts only. */
  dueOf: (wait: ScheduledTask) => Promise<DueNote | undefined>;
}

/** What a rewind has changed. */
export interface Rewound {
  /** Facts that the log no longer has; they are kept in `lost_task_events`. */
  lostFacts: number;
  /** Tasks that were folded anew, or are gone. */
  tasks: number;
}

const TASKS_AT_ONCE = 500;

/**
 * Takes the tables back, in one transaction: facts after the common point leave the archive, and each task that they touched is folded
 * anew from those that stay.
 *
 * @throws OffsetMovedError when somebody else wrote meanwhile
 */
export async function rewind(client: Client, name: string, options: RewindOptions): Promise<Rewound> {
  await client.query('BEGIN');
  try {
    const rewound = await rewindInTransaction(client, name, options);
    await client.query('COMMIT');
    return rewound;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function rewindInTransaction(client: Client, name: string, options: RewindOptions): Promise<Rewound> {
  const { from, to, fingerprint } = options;
  const moved = await client.query(
    `UPDATE projections SET sequence = $3, fingerprint = $4, generation = generation + 1
     WHERE name = $1 AND sequence = $2`,
    [name, from, to, fingerprint],
  );
  if (moved.rowCount === 0) throw new OffsetMovedError(from);
  await takeBack(client, to);
  const lost = await client.query(
    `WITH lost AS (DELETE FROM task_events WHERE sequence > $1 RETURNING *)
     INSERT INTO lost_task_events SELECT *, now() FROM lost`,
    [to],
  );
  await client.query('DELETE FROM failures WHERE sequence > $1', [to]);
  const { rows } = await client.query<{ id: string }>(
    `DELETE FROM tasks WHERE sequence > $1 OR (phase = 'scheduled' AND due_ticket > $1) RETURNING id`,
    [to],
  );
  for (let at = 0; at < rows.length; at += TASKS_AT_ONCE) {
    const ids = rows.slice(at, at + TASKS_AT_ONCE).map(({ id }) => id);
    await foldAnew(client, ids, options);
    await indexAnew(client, ids, to);
  }
  return { lostFacts: lost.rowCount ?? 0, tasks: rows.length };
}

async function foldAnew(client: Client, ids: string[], { to, dueOf }: RewindOptions): Promise<void> {
  const { rows } = await client.query<StoredRow<TaskEventRow>>(
    'SELECT * FROM task_events WHERE task_id = ANY ($1::text[]) ORDER BY sequence',
    [ids],
  );
  const tasks = new Map<string, ProjectedTask>();
  for (const stored of rows) {
    const fact = factOfEvent(parsedEvent(stored));
    const task = project(tasks.get(fact.task_id), fact);
    if (task) tasks.set(fact.task_id, task);
  }
  for (const [id, task] of tasks) {
    if (task.state.phase !== 'scheduled') continue;
    const due = await dueOf(task.state);
    if (due && due.sequence <= to) tasks.set(id, noteDue(task, due) ?? task);
  }
  if (tasks.size > 0)
    await client.query(upsertTasks([...tasks.values()].map(({ state, notes }) => rowOf(state, notes))));
}
