import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { STATUSES } from '@millrace/domain';
import { startPostgres } from '@millrace/embedded';
import type { RunningPostgres } from '@millrace/embedded';
import { openDatabase } from '../database/database.js';
import type { Database } from '../database/database.js';
import { migrate } from '../database/migrate.js';
import { ProjectionConnection } from '../projections/projection-connection.js';
import { SearchIndexer } from '../search/search-indexer.js';
import { randomLog } from '../testing/random-log.js';
import type { TaskListOptions } from './task-list.js';
import { TaskQueries } from './task.queries.js';

const TASKS = 150;
const NO_LAG = { lag_ms: 0, lag_messages: 0 };
/** More facts than the index may be behind, to be asked first. */
const FAR_BEHIND = 20_000;

let postgres: RunningPostgres;
let url: string;
let database: Database;
let queries: TaskQueries;
let filters: Record<string, Partial<TaskListOptions>>;

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-lists-'));
  postgres = await startPostgres({ dataDir, settings: { fsync: 'off' } });
  url = await postgres.createDatabase('lists');
  await migrate(url);
  const connection = await ProjectionConnection.open(url);
  const { messages } = randomLog(12, { tasks: TASKS, moves: 1_800 });
  await (await connection.resume('log')).apply(messages, NO_LAG);
  await connection.close();
  database = openDatabase(url);
  queries = new TaskQueries(database);
  const [failure] = await database.rows<{ fingerprint: string }>(
    'SELECT fingerprint FROM failures GROUP BY fingerprint ORDER BY count(*) DESC LIMIT 1',
  );
  const { items } = await queries.list({ limit: TASKS });
  filters = {
    ...Object.fromEntries(STATUSES.map((status) => [status, { status }])),
    'two statuses': { status: ['PAUSED', 'FAILURE'] },
    queue: { queue: 'mail' },
    name: { task_name: 'send' },
    tag: { tag: 'plain' },
    'a tag that none has': { tag: 'nowhere' },
    worker: { worker: 'worker-1' },
    user: { user_id: 'plain' },
    error: { error: 'Error' },
    reason: { reason: 'not_retryable' },
    "somebody's reason": { reason: 'plain' },
    'a way to fail': { fingerprint: failure!.fingerprint },
    window: { submitted_after: items[90]!.submitted_at, submitted_before: items[30]!.submitted_at },
    word: { q: 'plain' },
    'a word that none has': { q: 'zanzibar' },
    parameters: { parameters: '{"film":"a.mov"}' },
    result: { result: '{"film":"a.mov"}' },
  };
}, 60_000);
afterAll(async () => {
  await database.close();
  await postgres.destroy();
});

async function idsOf(options: Partial<TaskListOptions>, limit = TASKS): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await queries.list({ ...options, limit, cursor });
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return ids;
}

async function indexAll(): Promise<void> {
  const indexer = await SearchIndexer.open(url);
  while ((await indexer.next(100)).tasks === 100);
  await indexer.close();
}

/** What Postgres and the index know decides by which way a list is read. */
const KNOWN: Record<string, () => Promise<unknown>> = {
  'that is not analysed, and where nothing is in the index': () =>
    database.rows('UPDATE task_search_progress SET sequence = 0'),
  'that is analysed, and where all is in the index': async () => {
    await indexAll();
    await database.rows('ANALYZE');
  },
  'whose index is far behind': async () => {
    await indexAll();
    await database.rows(`UPDATE projections SET sequence = sequence + ${FAR_BEHIND}`);
  },
};

describe.each(Object.keys(KNOWN))('a list %s', (known) => {
  beforeAll(async () => {
    await database.rows(`UPDATE projections SET sequence = (SELECT max(sequence) FROM tasks)`);
    await KNOWN[known]!();
  });

  it.each(['-submitted_at', 'updated_at'] as const)(
    'with two filters is what the lists with each have in common, in pages too, by %s',
    async (sort) => {
      const all = await idsOf({ sort });
      const alone = new Map<string, Set<string>>();
      for (const [name, filter] of Object.entries(filters))
        alone.set(name, new Set(await idsOf({ sort, ...filter })));
      const empty = [...alone].flatMap(([name, ids]) => (ids.size === 0 ? [name] : []));
      expect(empty).toEqual(['a tag that none has', 'a word that none has']);
      for (const [index, [one, first]] of Object.entries(filters).entries())
        for (const [other, second] of Object.entries(filters).slice(index + 1)) {
          if (Object.keys(first).some((key) => key in second)) continue;
          const common = all.filter((id) => alone.get(one)!.has(id) && alone.get(other)!.has(id));
          const ids = await idsOf({ sort, ...first, ...second }, 7);
          expect({ one, other, ids }).toEqual({ one, other, ids: common });
        }
    },
  );
});
