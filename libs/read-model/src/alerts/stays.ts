import { LANES } from '@millrace/domain';
import type { Kind } from '@millrace/domain';
import type { Database } from '../database/database.js';
import { REPORTS } from '../task-events/attempts.js';
import type { AlertFilter } from './alert-filter.js';

/** How long a task was running, or waiting for its turn. */
export interface Stay {
  id: string;
  queue: string;
  name: string;
  since: string;
  /** Null when it lasted at the end of the span. */
  until: string | null;
}

/** Which stays. */
export interface StaySpan {
  /** What began before is not seen. */
  from: Date;
  to: Date;
  /** Those that lasted longer. */
  seconds: number;
}

/** Facts that are sorted for one answer: a second or two. */
const FACTS_AT_MOST = 500_000;
const STAYS_AT_MOST = 5_000;

const BEGINNINGS: Record<'run' | 'wait', readonly Kind[]> = {
  run: ['started'],
  wait: [...LANES, 'scheduled'],
};

/** From the archive: each lasted until the next fact of its task that is no report. Undefined when there are too many facts, or stays. */
export async function staysOf(
  database: Database,
  what: 'run' | 'wait',
  { from, to, seconds }: StaySpan,
  { queue, task_name }: AlertFilter,
): Promise<Stay[] | undefined> {
  const [count] = await database.rows<{ facts: number }>(COUNT, [from, to]);
  if (count && count.facts > FACTS_AT_MOST) return undefined;
  const stays = await database.rows<Stay>(STAYS, [
    from,
    to,
    REPORTS,
    BEGINNINGS[what],
    seconds,
    queue ?? null,
    task_name ?? null,
  ]);
  return stays.length > STAYS_AT_MOST ? undefined : stays;
}

const COUNT = `SELECT count(*)::integer AS facts FROM (
  SELECT FROM task_events WHERE at >= $1 AND at < $2 LIMIT ${FACTS_AT_MOST + 1}) AS facts`;

/** A wait for a time becomes one for its turn when the time has come; a wait for a signal never does. */
const STAYS = `
  SELECT fact.task_id AS id, fact.queue, tasks.name, fact.since, fact.until FROM (
    SELECT task_id, queue, kind, lead(at) OVER (PARTITION BY task_id ORDER BY sequence) AS until,
      CASE WHEN kind <> 'scheduled' THEN at
        WHEN data->>'waiting_for' IS NULL THEN greatest(at, (data->>'until')::timestamptz) END AS since
    FROM task_events WHERE at >= $1 AND at < $2 AND kind <> ALL ($3::text[])
  ) AS fact JOIN tasks ON tasks.id = fact.task_id
  WHERE fact.kind = ANY ($4::text[]) AND coalesce(fact.until, $2) - fact.since > make_interval(secs => $5)
    AND ($6::text IS NULL OR fact.queue = $6) AND ($7::text IS NULL OR tasks.name = $7)
  ORDER BY fact.since LIMIT ${STAYS_AT_MOST + 1}`;
