import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPostgres } from '@millrace/embedded';
import type { RunningPostgres } from '@millrace/embedded';
import type { Lane, TaskEvent } from '@millrace/domain';
import { BadCursorError } from '../tasks/task-list.js';
import { Scribe, card, ready, retried, started, succeeded, timeOf } from '../testing/scribe.js';
import { QueueQueries } from './queue.queries.js';

const heldFor = (waiting_for: string, lane: Lane = 'p5', rank?: number): TaskEvent => ({
  kind: 'held',
  data: { ...card(), waiting_for, lane, ...(rank !== undefined && { rank }) },
});

let postgres: RunningPostgres;
let scribe: Scribe;
let queries: QueueQueries;
let last: number;

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-queues-'));
  postgres = await startPostgres({ dataDir, settings: { fsync: 'off' } });
  scribe = await Scribe.begin(postgres, 'queues');
  queries = new QueueQueries(scribe.database);
  await scribe.write('low', ready('p1'));
  await scribe.write('first', ready('p5'));
  const ticket = await scribe.write('runs', ready('p5'));
  await scribe.write('runs', started(ticket));
  await scribe.write('waits', retried(timeOf(900)));
  await scribe.write('due', retried(timeOf(7)));
  await scribe.fire('due');
  await scribe.write('second', heldFor('slot'));
  await scribe.write('signal', heldFor('signal:go'));
  await scribe.write('ahead', heldFor('slot', 'p5', 0.5));
  await scribe.write('high', ready('p9'));
  await scribe.write('mail', ready('front'), 'mail');
  const ended = await scribe.write('ends', ready('p5'), 'mail');
  await scribe.write('ends', started(ended), 'mail');
  last = await scribe.write('ends', succeeded(), 'mail');
}, 60_000);
afterAll(async () => {
  await scribe.end();
  await postgres.destroy();
});

describe('the numbers of queues', () => {
  it('tell what waits for its turn, a slot or a time, and what runs', async () => {
    const [video, mail, none] = await queries.numbers(['video', 'mail', 'none']);
    expect(video).toMatchObject({ queue: 'video', held: 2, scheduled: 1, running: 1 });
    expect(video?.lanes).toMatchObject({ front: 0, p9: 1, p5: 2, p1: 1, p0: 0 });
    expect(video?.oldest_wait_since).toBe(timeOf(1));
    expect(mail).toMatchObject({ queue: 'mail', held: 0, running: 0, lanes: { front: 1, p5: 0 } });
    expect(none).toMatchObject({ queue: 'none', held: 0, oldest_wait_since: null, lanes: { p5: 0 } });
  });

  it('count what began and ended within the last minute', async () => {
    // The facts of this log are older.
    expect(await queries.rates()).toEqual({ window_seconds: 60, queues: [] });
    await scribe.database.rows(`UPDATE task_events SET at = now() WHERE kind <> 'p5'`);
    expect((await queries.rates()).queues).toEqual(
      expect.arrayContaining([
        { queue: 'mail', started: 1, finished: 1 },
        { queue: 'video', started: 1, finished: 0 },
      ]),
    );
  });
});

describe('the depth of a queue', () => {
  it('counts what waits, signals aside, up to what was asked', async () => {
    expect(await queries.depth('video', 100)).toMatchObject({ depth: 7, sequence: last });
    expect(await queries.depth('video', 3)).toMatchObject({ depth: 3 });
    expect(await queries.depth('none', 3)).toMatchObject({ depth: 0 });
  });
});

describe('what waits in a queue', () => {
  it('is told in the order in which it will run, whatever the pages', async () => {
    for (const limit of [1, 2, 3, 4, 100]) {
      const found: [string, number][] = [];
      let cursor: string | undefined;
      do {
        const page = await queries.pending('video', { limit, cursor });
        found.push(...page.items.map(({ task, number }): [string, number] => [task.id, number]));
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
      expect(found).toEqual([
        ['high', 0],
        ['first', 1],
        ['due', 2],
        ['low', 3],
        ['ahead', 4],
        ['second', 5],
      ]);
    }
  });

  it('has no page after a cursor that is none', async () => {
    for (const cursor of ['', 'nonsense', Buffer.from('["ready","a",1,"x",0]').toString('base64url')])
      await expect(queries.pending('video', { limit: 1, cursor })).rejects.toThrow(BadCursorError);
  });
});
