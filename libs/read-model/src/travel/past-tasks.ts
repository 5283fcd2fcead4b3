import type { Database } from '../database/database.js';
import { factOfEvent, parsedEvent } from '../task-events/archived-fact.js';
import type { TaskEventRow } from '../task-events/task-event.entity.js';
import type { StoredRow } from '../tasks/task.columns.js';
import type { TaskRow } from '../tasks/task.entity.js';
import { rowOf } from '../tasks/task.mapping.js';
import { project } from '../tasks/task.projection.js';
import type { ProjectedTask } from '../tasks/task.projection.js';

/** Facts that are read at once: their data may be long. */
const PAGE = 1_000;
const SLACK_MS = 3_600_000;

/** A task that is asked for, and when it was submitted: nothing of it is older in the archive. */
export interface PastTask {
  id: string;
  submitted_at: string;
}

/** Rows of tasks as they were at a moment; see {@link foldUntil}. */
export async function pastTasks(
  database: Database,
  wanted: readonly PastTask[],
  at: string,
): Promise<Map<string, TaskRow>> {
  const tasks = await foldUntil(database, wanted, at);
  return new Map([...tasks].map(([id, { state, notes }]) => [id, rowOf(state, notes)]));
}

/**
 * Tasks as what was decided up to a moment makes them. A task is told by its facts in their order, up to the first that was decided later.
 * What no fact tells is not in it: a timer that had fired.
 */
export async function foldUntil(
  database: Database,
  wanted: readonly PastTask[],
  at: string,
): Promise<Map<string, ProjectedTask>> {
  const tasks = new Map<string, ProjectedTask>();
  const isOver = new Set<string>();
  const ids = wanted.map(({ id }) => id);
  const since = new Date(Math.min(...wanted.map((task) => Date.parse(task.submitted_at))) - SLACK_MS);
  for (let after = 0; ;) {
    const stored = await database.rows<StoredRow<TaskEventRow>>(FACTS, [ids, since, at, after, PAGE]);
    for (const fact of stored.map((row) => factOfEvent(parsedEvent(row)))) {
      after = fact.sequence;
      const before = tasks.get(fact.task_id);
      // The one in between was decided later, by another clock: the task had not come so far.
      if (before && fact.prev !== 0 && fact.prev !== before.state.sequence) isOver.add(fact.task_id);
      if (isOver.has(fact.task_id)) continue;
      const task = project(before, fact);
      if (task) tasks.set(fact.task_id, task);
    }
    if (stored.length < PAGE) return tasks;
  }
}

/** Bounds in time keep the other days of the archive out; clocks differ. */
const FACTS = `SELECT * FROM task_events
  WHERE task_id = ANY ($1::text[]) AND at >= $2 AND at <= $3 AND sequence > $4 ORDER BY sequence LIMIT $5`;
