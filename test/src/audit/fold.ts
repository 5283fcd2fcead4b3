import { isDeepStrictEqual } from 'node:util';
import { NO_TASK, evolve } from '@millrace/domain';
import type { Fact, TaskState } from '@millrace/domain';
import { TaskQueries, stateOf } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';

const AT_ONCE = 8;
const SHOWN = 5;

export interface FoldResult {
  tasks: number;
  faults: string[];
}

/** The task that its facts come to, up to a sequence; all of them by default. */
export const fold = (facts: readonly Fact[], upTo = Infinity): TaskState =>
  facts.filter(({ sequence }) => sequence <= upTo).reduce<TaskState>(evolve, NO_TASK);

/** Compares the row of every task with a fold of its facts in memory, and the archive with the log, fact by fact. */
export async function compareWithFold(
  database: Database,
  histories: ReadonlyMap<string, Fact[]>,
): Promise<FoldResult> {
  const queries = new TaskQueries(database);
  const differences: string[] = [];
  const left = [...histories];
  const compare = async (): Promise<void> => {
    for (let next = left.pop(); next; next = left.pop()) {
      const [taskId, facts] = next;
      const [row, events] = await Promise.all([queries.get(taskId), queries.events(taskId)]);
      const folded = fold(facts);
      if (!row || !isDeepStrictEqual(plain(stateOf(row)), plain(folded)))
        differences.push(
          `${taskId}: the row tells ${JSON.stringify(row)}, the fold ${JSON.stringify(folded)}`,
        );
      const archived = events.map(({ sequence, event_id, kind, data }) => ({
        sequence,
        id: event_id,
        kind,
        data,
      }));
      const logged = facts.map(({ sequence, id, kind, data }) => ({ sequence, id, kind, data }));
      if (!isDeepStrictEqual(plain(archived), plain(logged)))
        differences.push(`${taskId}: the archive has other facts than the log`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, compare));
  const faults =
    differences.length === 0
      ? []
      : [`${differences.length} tasks differ from a fold:\n${differences.slice(0, SHOWN).join('\n')}`];
  return { tasks: histories.size, faults };
}

/** As JSON has it: what is undefined is not there. */
const plain = (value: object): unknown => JSON.parse(JSON.stringify(value));
