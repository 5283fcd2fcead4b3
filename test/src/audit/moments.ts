import { isDeepStrictEqual } from 'node:util';
import { STATUSES } from '@millrace/domain';
import type { Fact, TaskStatus } from '@millrace/domain';
import type { Dice } from '../chaos/dice.js';
import type { ApiClient } from '../system/api-client.js';
import { statusAfter } from './metrics-by-hand.js';

type Counts = Partial<Record<TaskStatus, number>>;

/** Asks the API how things stood at random moments of the run, and compares with the facts until then. */
export async function compareMoments(
  api: ApiClient,
  histories: ReadonlyMap<string, Fact[]>,
  dice: Dice,
  moments: number,
): Promise<string[]> {
  const facts = [...histories.values()].flat();
  const ids = [...histories.keys()];
  const faults: string[] = [];
  for (let round = 0; round < moments; round++) {
    const { at } = dice.pick(facts);
    const query = `at=${encodeURIComponent(at)}`;
    const stats = await api.call<{ by_status: Counts; timestamp: string }>(
      'GET',
      `/api/v1/tasks/stats?${query}`,
    );
    // Of a busy minute it may be the end of the one before.
    const counts = countsAt(histories, stats.body.timestamp);
    if (!isDeepStrictEqual(stats.body.by_status, counts))
      faults.push(`at ${at} stats are ${JSON.stringify(stats.body)}, by the facts ${JSON.stringify(counts)}`);
    const id = dice.pick(ids);
    const told = await api.call<{ status?: TaskStatus }>('GET', `/api/v1/tasks/${id}?${query}`);
    const last = lastAt(histories.get(id) ?? [], at);
    const status = last && statusAfter(last);
    // A problem has a status too: a number.
    const shown = told.status === 200 ? told.body.status : undefined;
    if (shown !== status)
      faults.push(`at ${at} ${id} is told as ${JSON.stringify(told.body)}, by the facts ${String(status)}`);
  }
  return faults.slice(0, 5);
}

function countsAt(histories: ReadonlyMap<string, Fact[]>, at: string): Counts {
  const counts: Counts = Object.fromEntries(STATUSES.map((status) => [status, 0]));
  for (const facts of histories.values()) {
    const last = lastAt(facts, at);
    if (!last) continue;
    const status = statusAfter(last);
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

/** Of a task's facts in their order, the last before the first that was decided later. */
function lastAt(facts: readonly Fact[], at: string): Fact | undefined {
  const next = facts.findIndex((fact) => fact.at > at);
  return next < 0 ? facts.at(-1) : facts[next - 1];
}
