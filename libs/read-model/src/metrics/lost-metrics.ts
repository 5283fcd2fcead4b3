import type { Client } from 'pg';
import { factOfEvent, parsedEvent } from '../task-events/archived-fact.js';
import type { TaskEventRow } from '../task-events/task-event.entity.js';
import type { StoredRow } from '../tasks/task.columns.js';
import { project } from '../tasks/task.projection.js';
import type { ProjectedTask } from '../tasks/task.projection.js';
import type { Transition } from './count-transition.js';
import { MetricsWriter } from './metrics-writer.js';
import { tallied } from './tally.js';

const TASKS_AT_ONCE = 500;

/** Takes back what the facts of the archive after a sequence have added to the metrics: before they leave it, in the same transaction. */
export async function takeBack(client: Client, after: number): Promise<void> {
  const { rows } = await client.query<{ task_id: string }>(
    'SELECT DISTINCT task_id FROM task_events WHERE sequence > $1',
    [after],
  );
  const writer = new MetricsWriter(client);
  for (let at = 0; at < rows.length; at += TASKS_AT_ONCE) {
    const ids = rows.slice(at, at + TASKS_AT_ONCE).map(({ task_id }) => task_id);
    const transitions = (await transitionsOf(client, ids)).filter(({ fact }) => fact.sequence > after);
    const lessened = await writer.added(tallied(transitions), -1);
    await writer.write(lessened);
    writer.remember(lessened);
  }
}

/** All transitions of tasks, by the archive. */
async function transitionsOf(client: Client, ids: string[]): Promise<Transition[]> {
  const { rows } = await client.query<StoredRow<TaskEventRow>>(
    'SELECT * FROM task_events WHERE task_id = ANY ($1::text[]) ORDER BY sequence',
    [ids],
  );
  const tasks = new Map<string, ProjectedTask>();
  return rows.flatMap((stored) => {
    const fact = factOfEvent(parsedEvent(stored));
    const before = tasks.get(fact.task_id);
    const after = project(before, fact);
    if (!after || after === before) return [];
    tasks.set(fact.task_id, after);
    return [{ before, after, fact }];
  });
}
