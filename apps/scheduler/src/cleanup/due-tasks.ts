import { dueBefore } from '@millrace/domain';
import type { RetentionPolicy } from '@millrace/domain';
import type { CleanupFilter, CleanupQueries, TaskSummary } from '@millrace/read-model';
import { dueRules } from './retention.js';

const PAGE = 1_000;

/** The tasks that are due by the policy, page by page; each page is read when it is asked for. */
export async function* dueTasks(
  tables: CleanupQueries,
  policy: RetentionPolicy,
  filter: CleanupFilter,
  now: number,
): AsyncGenerator<TaskSummary[]> {
  const rules = dueRules(policy, now);
  yield* pages((after) => tables.due(rules, filter, PAGE, after));
  for (const [queue, hours] of Object.entries(policy.hoursByQueue)) {
    const before = dueBefore(hours, now);
    if (before === undefined || (filter.queue !== undefined && filter.queue !== queue)) continue;
    yield* pages((after) => tables.succeeded(queue, before, filter, PAGE, after));
  }
}

async function* pages(
  read: (after: TaskSummary | undefined) => Promise<TaskSummary[]>,
): AsyncGenerator<TaskSummary[]> {
  let after: TaskSummary | undefined;
  for (;;) {
    const page = await read(after);
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
    // Rows that were cleaned stay as they are until the projector has seen it.
    after = page.at(-1);
  }
}
