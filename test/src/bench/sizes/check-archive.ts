import { isDeepStrictEqual } from 'node:util';
import { NO_TASK, STATUSES, evolve } from '@millrace/domain';
import type { Fact, TaskState } from '@millrace/domain';
import { CHANGE_OF, MetricsQueries, TaskQueries, stateOf } from '@millrace/read-model';
import type { Database, TaskEventRow } from '@millrace/read-model';

const SAMPLE = 200;

/** Fails unless sampled tasks are the fold of their facts, and the metrics tell of as many tasks in each status as there are. */
export async function checkArchive(database: Database): Promise<void> {
  const queries = new TaskQueries(database);
  for (const id of await sampleOf(database, SAMPLE)) {
    const [row, events] = await Promise.all([queries.get(id), queries.events(id)]);
    const folded = events.map(factOf).reduce<TaskState>(evolve, NO_TASK);
    if (!row || !isDeepStrictEqual(plain(stateOf(row)), plain(folded)))
      throw new Error(`${id} is ${JSON.stringify(row)}, the fold of its facts ${JSON.stringify(folded)}.`);
  }
  const { groups } = await new MetricsQueries(database).standing();
  const rows = await database.rows<{ status: string; tasks: number }>(
    'SELECT status, count(*) AS tasks FROM tasks GROUP BY status',
  );
  for (const status of STATUSES) {
    const told = groups.reduce((sum, { measures }) => sum + measures[CHANGE_OF[status]], 0);
    const tasks = rows.find((row) => row.status === status)?.tasks ?? 0;
    if (told !== tasks)
      throw new Error(`The metrics tell of ${told} tasks in ${status}; there are ${tasks}.`);
  }
}

/** Ids of tasks from all over the table, each of another time. */
export async function sampleOf(database: Database, count: number): Promise<string[]> {
  const rows = await database.rows<{ id: string }>(
    `SELECT picked.id FROM (SELECT min(submitted_at) AS first, max(submitted_at) AS last FROM tasks) AS ends
     CROSS JOIN generate_series(0, $1::integer - 1) AS place
     CROSS JOIN LATERAL (
       SELECT id FROM tasks WHERE submitted_at >= first + (last - first) * (place / ($1 - 1.0)) ORDER BY submitted_at LIMIT 1
     ) AS picked`,
    [count],
  );
  return rows.map(({ id }) => id);
}

const factOf = ({ event_id, ...row }: TaskEventRow): Fact => ({ ...row, id: event_id }) as unknown as Fact;

/** As JSON has it: what is undefined is not there. */
const plain = (value: object): unknown => JSON.parse(JSON.stringify(value));
