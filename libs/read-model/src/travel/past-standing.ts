import type { Database } from '../database/database.js';
import type { Transition } from '../metrics/count-transition.js';
import { addMeasures, noMeasures } from '../metrics/measures.js';
import type { MetricGroup } from '../metrics/metrics.queries.js';
import { MetricsQueries } from '../metrics/metrics.queries.js';
import { tallied } from '../metrics/tally.js';
import { factOfEvent, parsedEvent } from '../task-events/archived-fact.js';
import type { TaskEventRow } from '../task-events/task-event.entity.js';
import type { StoredRow } from '../tasks/task.columns.js';
import { project } from '../tasks/task.projection.js';
import type { ProjectedTask } from '../tasks/task.projection.js';
import { foldUntil } from './past-tasks.js';

/** Facts that may be counted one by one; more are left to the metrics, whose minutes are then the most that is told. */
const FACTS_AT_MOST = 50_000;
const TASKS_AT_ONCE = 500;

/** How things stood at a moment. */
export interface PastStanding {
  /** The moment; or, where too much happened since the metrics' last full span before it, the last moment of that span. */
  at: string;
  groups: MetricGroup[];
}

/**
 * All measures up to a moment, by queue and name: the metrics up to the last full minute (hour, day where shorter ones are no longer kept), and
 * the facts since then, counted one by one.
 */
export async function pastStanding(database: Database, at: string): Promise<PastStanding> {
  const { to, groups } = await new MetricsQueries(database).standing(at);
  const boundary = to ?? at;
  const rest = await transitionsBetween(database, boundary, at);
  if (!rest) return { at: justBefore(boundary), groups };
  const counted = new Map(groups.map((group) => [`${group.queue} ${group.name}`, group]));
  for (const { queue, name, measures } of tallied(rest)) {
    const group = counted.get(`${queue} ${name}`) ?? { queue, name, measures: noMeasures() };
    counted.set(`${queue} ${name}`, group);
    addMeasures(group.measures, measures);
  }
  return { at, groups: [...counted.values()] };
}

/** Undefined when there are too many. */
async function transitionsBetween(
  database: Database,
  from: string,
  to: string,
): Promise<Transition[] | undefined> {
  const stored = await database.rows<StoredRow<TaskEventRow>>(
    `SELECT * FROM task_events WHERE at >= $1 AND at <= $2 ORDER BY sequence LIMIT ${FACTS_AT_MOST + 1}`,
    [from, to],
  );
  if (stored.length > FACTS_AT_MOST) return undefined;
  const facts = stored.map((row) => factOfEvent(parsedEvent(row)));
  const tasks = await standingOf(database, [...new Set(facts.map(({ task_id }) => task_id))], from);
  return facts.flatMap((fact) => {
    const before = tasks.get(fact.task_id);
    const after = project(before, fact);
    if (!after || after === before) return [];
    tasks.set(fact.task_id, after);
    return [{ before, after, fact }];
  });
}

/** The tasks just before a time. */
async function standingOf(
  database: Database,
  ids: readonly string[],
  time: string,
): Promise<Map<string, ProjectedTask>> {
  const tasks = new Map<string, ProjectedTask>();
  for (let from = 0; from < ids.length; from += TASKS_AT_ONCE) {
    const rows = await database.rows<{ id: string; submitted_at: string }>(
      'SELECT id, submitted_at FROM tasks WHERE id = ANY ($1::text[])',
      [ids.slice(from, from + TASKS_AT_ONCE)],
    );
    for (const [id, task] of await foldUntil(database, rows, justBefore(time))) tasks.set(id, task);
  }
  return tasks;
}

const justBefore = (time: string): string => new Date(Date.parse(time) - 1).toISOString();
