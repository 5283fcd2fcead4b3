import type { Database } from '../database/database.js';
import type { Transition } from '../metrics/count-transition.js';
import { NUMBERS, addMeasures, noMeasures } from '../metrics/measures.js';
import type { MetricGroup } from '../metrics/metrics.queries.js';
import { MetricsQueries } from '../metrics/metrics.queries.js';
import { SPAN_MS } from '../metrics/spans.js';
import { tallied } from '../metrics/tally.js';
import { factOfEvent, parsedEvent } from '../task-events/archived-fact.js';
import type { TaskEventRow } from '../task-events/task-event.entity.js';
import type { StoredRow } from '../tasks/task.columns.js';
import { project } from '../tasks/task.projection.js';
import type { ProjectedTask } from '../tasks/task.projection.js';
import { foldUntil } from './past-tasks.js';

/** Facts that may be counted one by one; more are left to the metrics, whose spans are then the most that is told. */
const FACTS_AT_MOST = 50_000;
const TASKS_AT_ONCE = 500;

/** How things stood at a moment. */
export interface PastStanding {
  /** The moment; or, where too much happened since the metrics' last full span before it, the last moment of that span. */
  at: string;
  groups: MetricGroup[];
}

/** How the measures of a moment come about. */
interface Way {
  /** The metrics up to this end of a span, exclusive. */
  counted: string;
  /** What is done with the facts in between: added, or taken away again. */
  factor: 1 | -1;
  /** Those facts. */
  where: string;
  values: [string, string];
  /** When the tasks were as they are before those facts, inclusive. */
  before: string;
}

/**
 * All measures up to a moment, by queue and name: the metrics up to the nearer end of the minute (hour, day where shorter ones are no longer
 * kept) that holds it, and the facts in between, counted one by one. Of one queue, only its facts are read: a task
 * stays in its queue. (An id that is given again after its task has left the log is one more task until the end of the span.)
 */
export async function pastStanding(database: Database, at: string, queue?: string): Promise<PastStanding> {
  const metrics = new MetricsQueries(database);
  const span = await metrics.spanAround(at);
  const way = wayTo(at, span);
  const rest = await transitionsOf(database, way, queue);
  const { groups } = await metrics.standing(rest ? way.counted : span.from, { queue });
  if (!rest) return { at: justBefore(span.from), groups };
  const sums = new Map(groups.map((group) => [`${group.queue} ${group.name}`, group]));
  for (const { queue, name, measures } of tallied(rest)) {
    const group = sums.get(`${queue} ${name}`) ?? { queue, name, measures: noMeasures() };
    sums.set(`${queue} ${name}`, group);
    addMeasures(group.measures, measures, way.factor);
  }
  // Where all is taken away again, nothing had happened yet.
  return {
    at,
    groups: [...sums.values()].filter(({ measures }) => NUMBERS.some((name) => measures[name])),
  };
}

function wayTo(at: string, { from, to }: { from: string; to: string }): Way {
  const [begin, time, end] = [from, at, to].map((text) => Date.parse(text)) as [number, number, number];
  // A minute may not be over yet, and have more facts when they are read than when it was.
  return end - begin > SPAN_MS.minute && end - time < time - begin
    ? { counted: to, factor: -1, where: 'at > $1 AND at < $2', values: [at, to], before: at }
    : {
        counted: from,
        factor: 1,
        where: 'at >= $1 AND at <= $2',
        values: [from, at],
        before: justBefore(from),
      };
}

/** Undefined when there are too many. */
async function transitionsOf(
  database: Database,
  { where, values, before: moment }: Way,
  queue: string | undefined,
): Promise<Transition[] | undefined> {
  const stored = await database.rows<StoredRow<TaskEventRow>>(
    `SELECT * FROM task_events WHERE ${where} AND ($3::text IS NULL OR queue = $3)
     ORDER BY sequence LIMIT ${FACTS_AT_MOST + 1}`,
    [...values, queue ?? null],
  );
  if (stored.length > FACTS_AT_MOST) return undefined;
  const facts = stored.map((row) => factOfEvent(parsedEvent(row)));
  // What begins in between has no facts before.
  const begun = new Set<string>();
  for (const { task_id, prev } of facts) if (prev === 0) begun.add(task_id);
  const older = new Set(facts.flatMap(({ task_id }) => (begun.has(task_id) ? [] : [task_id])));
  const tasks = await standingOf(database, [...older], moment);
  return facts.flatMap((fact) => {
    const before = tasks.get(fact.task_id);
    const after = project(before, fact);
    if (!after || after === before) return [];
    tasks.set(fact.task_id, after);
    return [{ before, after, fact }];
  });
}

/** The tasks at a moment. */
async function standingOf(
  database: Database,
  ids: readonly string[],
  at: string,
): Promise<Map<string, ProjectedTask>> {
  const tasks = new Map<string, ProjectedTask>();
  for (let from = 0; from < ids.length; from += TASKS_AT_ONCE) {
    const rows = await database.rows<{ id: string; submitted_at: string }>(
      'SELECT id, submitted_at FROM tasks WHERE id = ANY ($1::text[])',
      [ids.slice(from, from + TASKS_AT_ONCE)],
    );
    for (const [id, task] of await foldUntil(database, rows, at)) tasks.set(id, task);
  }
  return tasks;
}

const justBefore = (time: string): string => new Date(Date.parse(time) - 1).toISOString();
