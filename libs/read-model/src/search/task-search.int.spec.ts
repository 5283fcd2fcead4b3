import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Json, TaskEvent } from '@millrace/domain';
import { startPostgres } from '@millrace/embedded';
import type { RunningPostgres } from '@millrace/embedded';
import { Scribe, ready, retried, started, succeeded, timeOf } from '../testing/scribe.js';
import { TaskQueries } from '../tasks/task.queries.js';
import type { TaskListOptions } from '../tasks/task-list.js';
import { SearchIndexer } from './search-indexer.js';

let postgres: RunningPostgres;
let scribe: Scribe;
let queries: TaskQueries;
let indexer: SearchIndexer;

const PARAMETERS: Record<string, Json> = {
  a: { customer: 42, film: '/data/in.mp4', codec: 'H264' },
  b: { customer: 43, film: '/data/in.mp47', note: 'line\nbreak', nul: 'x\u0000y' },
  c: { customer: 42, film: '100%_sure.mov', deep: { tags: ['one', 'two'] } },
  d: 'x'.repeat(9000) + ' hidden',
};

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-search-'));
  postgres = await startPostgres({ dataDir, settings: { fsync: 'off' } });
  scribe = await Scribe.begin(postgres, 'search');
  queries = new TaskQueries(scribe.database);
  indexer = await SearchIndexer.open(scribe.url);
  for (const [index, id] of Object.keys(PARAMETERS).entries()) {
    const spec = { submitted_at: timeOf(index), ...(id === 'd' && { tags: ['nightly-run'] }) };
    await scribe.write(id, ready('p5', spec, PARAMETERS[id]));
  }
  const ticket = await scribe.write('a', started(1));
  await scribe.write('a', succeeded({ frames: 17, city: 'Größe' }));
  await scribe.write('c', started(ticket));
  await scribe.write('c', retried(timeOf(99), { submitted_at: timeOf(2) }, PARAMETERS.c));
}, 60_000);
afterAll(async () => {
  await indexer.close();
  await scribe.end();
  await postgres.destroy();
});

const idsOf = async (options: Partial<TaskListOptions>): Promise<string> => {
  const { items } = await queries.list({ limit: 10, sort: 'submitted_at', ...options });
  return items.map(({ id }) => id).join('');
};

const SEARCHES: [string, Partial<TaskListOptions>][] = [
  ['ac', { parameters: '{"customer":42}' }],
  ['c', { parameters: '{"deep":{"tags":["two"]}}' }],
  ['', { parameters: '{"tags":["two"]}' }],
  // What jsonb refuses is not found by JSON.
  ['', { parameters: '{"customer":43}' }],
  ['b', { q: '43' }],
  ['a', { result: '{"frames":17}' }],
  ['a', { result: '{"frames":17}', parameters: '{"customer":42}', q: 'h264' }],
  ['ab', { q: 'film data' }],
  ['a', { q: 'in.mp4' }],
  ['ab', { q: 'MP4' }],
  ['', { q: 'mp' }],
  ['', { q: '4' }],
  ['b', { q: 'line break' }],
  ['', { q: 'nbreak' }],
  ['c', { q: '"no disk"' }],
  ['c', { q: '%_SURE' }],
  ['d', { q: 'night' }],
  ['d', { q: '"nightly-run"' }],
  ['', { q: 'hidden' }],
  ['abc', { q: '{ customer' }],
  ['c', { error: 'Error' }],
  ['', { error: 'Err' }],
  ['c', { reason: 'retry', q: 'disk' }],
  ['a', { q: 'customer', status: 'SUCCESS', sort: '-updated_at' }],
];

describe.each([['before it is in the index'], ['half of which is in the index'], ['in the index']])(
  'what is searched for, %s,',
  (when) => {
    beforeAll(async () => {
      if (when.startsWith('half')) await indexer.next(2);
      if (when.startsWith('in'))
        for (let step = await indexer.next(2); step.tasks === 2;) step = await indexer.next(2);
    });

    it.each(SEARCHES)('is %j for %j', async (ids, search) => {
      expect(await idsOf(search)).toBe(ids);
    });
  },
);

describe('the index of searches', () => {
  it('is written only where something has changed', async () => {
    await scribe.write('d', started(4));
    expect(await indexer.next(10)).toMatchObject({ tasks: 1, written: 0 });
    await scribe.write('d', succeeded('finished'));
    expect(await idsOf({ q: 'finished' })).toBe('d');
    expect(await indexer.next(10)).toMatchObject({ tasks: 1, written: 1 });
    expect(await indexer.next(10)).toMatchObject({ tasks: 0 });
    expect(await idsOf({ q: 'finished' })).toBe('d');
  });

  it('knows when a task that was replaced by the same was submitted', async () => {
    const spec = (seconds: number): TaskEvent => ready('p5', { submitted_at: timeOf(seconds) }, 'quokka');
    await scribe.write('early', spec(1_000));
    await scribe.write('late', spec(2_000));
    await indexer.next(10);
    await scribe.write('early', spec(3_000));
    await indexer.next(10);
    const { items, next_cursor } = await queries.list({ limit: 1, q: 'quokka' });
    expect(items.map(({ id }) => id)).toEqual(['early']);
    const next = await queries.list({ limit: 1, q: 'quokka', cursor: next_cursor! });
    expect(next.items.map(({ id }) => id)).toEqual(['late']);
  });

  it('gives pages that join without a gap when more is found than is looked at first', async () => {
    const wordsAt = (index: number): string => (index % 700 === 0 ? 'rare thing' : 'frequent');
    await scribe.writeAll(
      Array.from({ length: 2100 }, (_, index) => [
        `o${index}`,
        ready('p5', { submitted_at: timeOf(100) }, wordsAt(index)),
      ]),
    );
    while ((await indexer.next(1000)).tasks === 1000);
    const found = async (q: string, limit: number): Promise<string[]> => {
      const ids: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await queries.list({ limit, q, cursor });
        ids.push(...page.items.map(({ id }) => id));
        cursor = page.next_cursor ?? undefined;
      } while (cursor);
      return ids;
    };
    // The index is asked at once where it finds few, and last where it is far behind.
    for (const ahead of [0, 20_000]) {
      await scribe.database.rows('UPDATE projections SET sequence = sequence + $1', [ahead]);
      for (const [q, count] of [
        ['rare', 3],
        ['thing rare', 3],
        ['frequent', 2097],
        ['city', 1],
      ] as const) {
        const ids = await found(q, count > 3 ? 500 : 2);
        expect(new Set(ids).size).toBe(count);
        expect(ids).toHaveLength(count);
      }
      await scribe.database.rows('UPDATE projections SET sequence = sequence - $1', [ahead]);
    }
  }, 60_000);
});
