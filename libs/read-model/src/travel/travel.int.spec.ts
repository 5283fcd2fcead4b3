import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { STATUSES } from '@millrace/domain';
import type { Fact, TaskStatus } from '@millrace/domain';
import { startPostgres } from '@millrace/embedded';
import type { RunningPostgres } from '@millrace/embedded';
import { openDatabase } from '../database/database.js';
import type { Database } from '../database/database.js';
import { migrate } from '../database/migrate.js';
import { CHANGE_OF } from '../metrics/measures.js';
import { ProjectionConnection } from '../projections/projection-connection.js';
import type { TaskRow, TaskSummary } from '../tasks/task.entity.js';
import { rowOf } from '../tasks/task.mapping.js';
import { project } from '../tasks/task.projection.js';
import type { ProjectedTask } from '../tasks/task.projection.js';
import { randomLog, randomNumbers } from '../testing/random-log.js';
import type { PastStanding } from './past-standing.js';
import { TravelQueries } from './travel.queries.js';

const NO_LAG = { lag_ms: 0, lag_messages: 0 };
const MOMENTS = 100;
const TASKS = 40;
const LONG_AGO = '2000-01-01T00:00:00.000Z';
/** After all that the log tells. */
const LATER = '2026-01-03T00:00:00.000Z';

let postgres: RunningPostgres;
let travel: TravelQueries;
/** The same log, by the shortest span that its metrics are kept in. */
const bySpan = new Map<string, TravelQueries>();
const opened: Database[] = [];
let facts: Fact[];
const random = randomNumbers(11);

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-travel-'));
  postgres = await startPostgres({ dataDir, settings: { fsync: 'off' } });
  const { messages } = randomLog(5, { tasks: TASKS, moves: 1_500 });
  facts = messages.flatMap((message) => (message.type === 'fact' ? [message.fact] : []));
  const kept = { minute: {}, hour: { minutesFrom: LATER }, day: { minutesFrom: LATER, hoursFrom: LATER } };
  for (const [span, from] of Object.entries(kept)) {
    const url = await postgres.createDatabase(`travel_${span}`);
    await migrate(url);
    const connection = await ProjectionConnection.open(url);
    const projection = await connection.resume('log');
    await projection.apply(messages, NO_LAG);
    const options = { before: LATER, minutesFrom: LONG_AGO, hoursFrom: LONG_AGO, ...from };
    while (!(await projection.rollUpMetrics(options)).done);
    await connection.close();
    const database = openDatabase(url);
    opened.push(database);
    bySpan.set(span, new TravelQueries(database));
  }
  travel = bySpan.get('minute')!;
}, 60_000);

afterAll(async () => {
  for (const database of opened) await database.close();
  await postgres.destroy();
});

/** Every task as a replay of the log up to the moment has it. */
function replayed(at: string): Map<string, TaskRow> {
  const tasks = new Map<string, ProjectedTask>();
  for (const fact of facts) {
    if (fact.at > at) break;
    const task = project(tasks.get(fact.task_id), fact);
    if (task) tasks.set(fact.task_id, task);
  }
  return new Map([...tasks].map(([id, { state, notes }]) => [id, rowOf(state, notes)]));
}

function aMoment(): string {
  const [first, last] = [facts[0]!, facts.at(-1)!].map(({ at }) => Date.parse(at)) as [number, number];
  return new Date(Math.floor(first + random() * (last - first + 1))).toISOString();
}

async function allPages(at: string, status?: TaskStatus): Promise<TaskSummary[]> {
  const items: TaskSummary[] = [];
  let cursor: string | undefined;
  do {
    const page = await travel.list(at, { limit: 7, cursor, status });
    items.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return items;
}

const summary = ({ parameters: _parameters, result: _result, ...rest }: TaskRow): TaskSummary => rest;
/** Fired timers are no facts. */
const withoutTimers = (row: TaskSummary): TaskSummary => ({
  ...row,
  due_ticket: null,
  due_at: null,
  turn: row.phase === 'scheduled' ? null : row.turn,
});

function inStatus({ groups }: PastStanding): Record<string, number> {
  const told: Record<string, number> = {};
  for (const { queue, name, measures } of groups)
    for (const status of STATUSES) {
      const tasks = measures[CHANGE_OF[status]];
      if (tasks !== 0) told[`${queue} ${name} ${status}`] = tasks;
    }
  return told;
}

function replayedInStatus(at: string, only?: string): Record<string, number> {
  const then: Record<string, number> = {};
  for (const { queue, name, status, cleaned_at } of replayed(at).values()) {
    if (cleaned_at !== null || (only !== undefined && queue !== only)) continue;
    const key = `${queue} ${name} ${status}`;
    then[key] = (then[key] ?? 0) + 1;
  }
  return then;
}

describe('the read models at a moment', () => {
  it('tell each task as a replay up to that moment does', async () => {
    for (let round = 0; round < MOMENTS; round++) {
      const at = aMoment();
      const then = replayed(at);
      const id = `task-${Math.floor(random() * TASKS)}`;
      expect({ at, row: await travel.task(id, at) }).toEqual({ at, row: then.get(id) });
    }
  });

  it('list the tasks that existed, by the status they had', async () => {
    for (let round = 0; round < MOMENTS / 5; round++) {
      const at = aMoment();
      const then = [...replayed(at).values()].filter((row) => row.cleaned_at === null);
      const byId = (a: TaskSummary, b: TaskSummary): number => (a.id < b.id ? -1 : 1);
      const listed = (await allPages(at)).map(withoutTimers);
      expect(listed.sort(byId)).toEqual(then.map(summary).sort(byId));
      for (const status of ['PENDING', 'RETRY', 'SUCCESS', 'PAUSED'] as const)
        expect((await allPages(at, status)).map(({ id }) => id).sort()).toEqual(
          then.flatMap((row) => (row.status === status ? [row.id] : [])).sort(),
        );
    }
  });

  it.each(['minute', 'hour', 'day'])(
    'count how many tasks were in each status, to the fact, from metrics of each %s',
    async (span) => {
      for (let round = 0; round < MOMENTS; round++) {
        const at = aMoment();
        const standing = await bySpan.get(span)!.standing(at);
        expect({ at, told: inStatus(standing) }).toEqual({ at: standing.at, told: replayedInStatus(at) });
        const ofOne = await bySpan.get(span)!.standing(at, 'mail');
        expect({ at, told: inStatus(ofOne) }).toEqual({ at: ofOne.at, told: replayedInStatus(at, 'mail') });
      }
    },
  );

  it('know no queue before anything had happened in it, however long the span of the metrics', async () => {
    const before = new Date(Date.parse(facts[0]!.at) - 1).toISOString();
    for (const past of bySpan.values()) expect((await past.standing(before)).groups).toEqual([]);
  });

  it('know no task before its first fact', async () => {
    const before = new Date(Date.parse(facts[0]!.at) - 1).toISOString();
    expect(await travel.task(facts[0]!.task_id, before)).toBeUndefined();
    expect((await travel.list(before, { limit: 10 })).items).toEqual([]);
  });
});
