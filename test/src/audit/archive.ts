import type { Fact } from '@millrace/domain';
import type { Database } from '@millrace/read-model';
import { waitUntil } from '@millrace/testing';

/** Every fact that the archive holds, by task and in order: also those that have left the log. */
export async function readArchive(database: Database): Promise<Map<string, Fact[]>> {
  const rows = await database.rows<{ task_id: string; event_id: string; data: string }>(
    'SELECT * FROM task_events ORDER BY sequence',
  );
  const histories = new Map<string, Fact[]>();
  for (const { event_id, data, ...row } of rows) {
    const fact = { ...row, id: event_id, data: JSON.parse(data) as object } as unknown as Fact;
    const history = histories.get(fact.task_id);
    if (history) history.push(fact);
    else histories.set(fact.task_id, [fact]);
  }
  return histories;
}

/** Resolves once all of these tasks, and whatever else the read model has, have ended. */
export async function allArchived(
  database: Database,
  taskIds: readonly string[],
  timeoutMs: number,
): Promise<void> {
  const left = async (): Promise<string[]> => {
    const rows = await database.rows<{ id: string }>(
      `SELECT id FROM tasks WHERE phase NOT IN ('succeeded', 'failed', 'cancelled', 'cleaned')
       UNION SELECT id FROM unnest($1::text[]) AS wanted (id) WHERE NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.id = wanted.id)`,
      [taskIds],
    );
    return rows.map(({ id }) => id);
  };
  await waitUntil(async () => (await left()).length === 0, {
    timeoutMs,
    every: 200,
    what: 'the end of all tasks',
  }).catch(async (error: unknown) => {
    throw new Error(`Without an end are ${(await left()).slice(0, 10).join(', ')}`, { cause: error });
  });
}
