import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startPostgres } from '@millrace/embedded';
import type { RunningPostgres } from '@millrace/embedded';
import { DEFAULT_RETRY_POLICY, INLINE_PARAMETERS_BYTES, laneOf } from '@millrace/domain';
import type { TaskEvent } from '@millrace/domain';
import { SweepQueries } from '../sweep/sweep.queries.js';
import { Scribe, card, ready, retried, started, succeeded, timeOf } from '../testing/scribe.js';
import { BadCursorError } from './task-list.js';
import type { TaskListOptions } from './task-list.js';
import { tagStatisticsQuery } from './tagged-page.js';
import { TaskQueries } from './task.queries.js';

let postgres: RunningPostgres;
beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-queries-'));
  postgres = await startPostgres({ dataDir, settings: { fsync: 'off' } });
}, 60_000);
afterAll(() => postgres.destroy());

describe('a list of tasks', () => {
  let scribe: Scribe;
  let queries: TaskQueries;
  beforeAll(async () => {
    scribe = await Scribe.begin(postgres, 'lists');
    queries = new TaskQueries(scribe.database);
    const first = await scribe.write('a', ready('p5', { submitted_at: timeOf(1), tags: ['x', 'y'] }));
    await scribe.write('b', ready('p5', { submitted_at: timeOf(2), user_id: 'ann', name: 'send' }), 'mail');
    await scribe.write('c', ready('p5', { submitted_at: timeOf(2) }, { film: 'a' }));
    await scribe.write('d', ready('p9', { submitted_at: timeOf(3), tags: ['y'] }));
    await scribe.write('a', started(first));
    await scribe.write('a', succeeded({ frames: 'Größe' }));
    const film = { film: '100%_sure.mov' };
    await scribe.write('c', retried(timeOf(99), { submitted_at: timeOf(2) }, film));
  });
  afterAll(() => scribe.end());

  const idsOf = async (options: Partial<TaskListOptions>): Promise<string> =>
    (await queries.list({ limit: 10, ...options })).items.map(({ id }) => id).join('');

  it.each<[string, Partial<TaskListOptions>]>([
    ['dcba', {}],
    ['abcd', { sort: 'submitted_at' }],
    ['cadb', { sort: '-updated_at' }],
    ['bdac', { sort: 'updated_at' }],
    ['db', { status: 'PENDING' }],
    ['ca', { status: ['RETRY', 'SUCCESS'] }],
    ['b', { queue: 'mail' }],
    ['b', { task_name: 'send' }],
    ['da', { tag: 'y' }],
    ['a', { tag: 'x', status: 'SUCCESS', worker: 'w1' }],
    ['', { tag: 'z' }],
    ['b', { user_id: 'ann' }],
    ['dcb', { submitted_after: timeOf(2) }],
    ['cba', { submitted_before: timeOf(3) }],
    ['c', { q: '100%_SURE' }],
    ['a', { q: 'größe' }],
    ['c', { q: 'no disk' }],
    ['', { q: '100.' }],
  ])('is %j by %j', async (ids, options) => {
    expect(await idsOf(options)).toBe(ids);
  });

  it.each(['-submitted_at', 'submitted_at', '-updated_at', 'updated_at'] as const)(
    'comes in pages that join without a gap, by %s',
    async (sort) => {
      for (const [tag, isFrequent] of [[undefined], ['y', false], ['y', true]] as const) {
        if (isFrequent) {
          await scribe.database.rows('ANALYZE tasks');
          const { sql, values } = tagStatisticsQuery(tag);
          expect(await scribe.database.rows(sql, values)).toEqual([{ is_frequent: true }]);
        }
        const all = await queries.list({ limit: 10, sort, tag });
        expect(all.next_cursor).toBeNull();
        const paged: unknown[] = [];
        let cursor: string | undefined;
        do {
          const page = await queries.list({ limit: 1, sort, tag, cursor });
          paged.push(...page.items);
          cursor = page.next_cursor ?? undefined;
        } while (cursor !== undefined);
        expect(paged).toEqual(all.items);
      }
    },
  );

  it('refuses a cursor that is not its own', async () => {
    const { next_cursor } = await queries.list({ limit: 1 });
    for (const cursor of ['', 'nonsense', next_cursor!.slice(2), Buffer.from('[1]').toString('base64url')])
      await expect(queries.list({ limit: 1, cursor })).rejects.toThrow(BadCursorError);
    await expect(queries.list({ limit: 1, sort: 'updated_at', cursor: next_cursor! })).rejects.toThrow(
      BadCursorError,
    );
  });

  it('leaves out what may be long, which the task itself has', async () => {
    const { items } = await queries.list({ limit: 10 });
    expect(items.every((item) => !('parameters' in item) && !('result' in item))).toBe(true);
    expect(await queries.get('a')).toMatchObject({
      parameters: null,
      result: { frames: 'Größe' },
      tags: ['x', 'y'],
      retry: DEFAULT_RETRY_POLICY,
      submitted_at: timeOf(1),
      worker: 'w1',
      started_at: timeOf(5),
      finished_at: timeOf(6),
      sequence: 6,
    });
    expect(await queries.get('nobody')).toBeUndefined();
  });
});

describe('a list of tasks to decide about', () => {
  it('has those that an operation cancelled, with parameters as long as facts copy them', async () => {
    const scribe = await Scribe.begin(postgres, 'decidable');
    const queries = new TaskQueries(scribe.database);
    const cancelled = (operation: string): TaskEvent => ({
      kind: 'cancelled',
      data: { reason: 'cancelled', previous: 'PENDING', operation },
    });
    const parameters = { short: { film: 'a' }, long: 'x'.repeat(INLINE_PARAMETERS_BYTES), none: null };
    for (const [id, value] of Object.entries(parameters)) {
      await scribe.write(id, ready('p5', {}, value));
      await scribe.write(id, cancelled('op-1'));
    }
    await scribe.write('other', ready('p5'));
    await scribe.write('other', cancelled('op-2'));
    const { items } = await queries.listDecidable({ operation: 'op-1', sort: 'submitted_at', limit: 10 });
    expect(items.map((row) => [row.id, row.parameters])).toEqual([
      ['long', undefined],
      ['none', null],
      ['short', { film: 'a' }],
    ]);
    expect(items[0]).toMatchObject({ operation: 'op-1', phase: 'cancelled', input: 3 });
    await scribe.end();
  });
});

describe('the history of a task', () => {
  it('has its facts in order, and its attempts with how each ended', async () => {
    const scribe = await Scribe.begin(postgres, 'history');
    const queries = new TaskQueries(scribe.database);
    const ticket = await scribe.write('t', ready('p5'));
    await scribe.write('t', started(ticket));
    await scribe.write('t', retried(timeOf(9)));
    const due = await scribe.fire('t');
    await scribe.write('t', started(due, 2, 'w2'));
    await scribe.write('t', started(due, 3, 'w3'));
    await scribe.write('other', ready('p5'));
    expect(await queries.attempts('t')).toEqual([
      {
        attempt: 1,
        worker: 'w1',
        started_at: timeOf(2),
        ended_at: timeOf(3),
        outcome: 'failed',
        error: { name: 'Error', message: 'no DISK' },
        duration_ms: 7,
      },
      {
        attempt: 2,
        worker: 'w2',
        started_at: timeOf(5),
        ended_at: timeOf(6),
        outcome: 'lost',
        error: null,
        duration_ms: 1000,
      },
      {
        attempt: 3,
        worker: 'w3',
        started_at: timeOf(6),
        ended_at: null,
        outcome: 'running',
        error: null,
        duration_ms: null,
      },
    ]);
    const events = await queries.events('t');
    expect(events.map(({ sequence, kind, attempt }) => [sequence, kind, attempt])).toEqual([
      [1, 'p5', null],
      [2, 'started', 1],
      [3, 'scheduled', 1],
      [5, 'started', 2],
      [6, 'started', 3],
    ]);
    expect(events[0]).toMatchObject({ prev: 0, at: timeOf(1), actor: 'test', data: { reason: 'submitted' } });
    expect((await queries.events('t', { after: 2, limit: 2 })).map(({ sequence }) => sequence)).toEqual([
      3, 5,
    ]);
    await scribe.end();
  });
});

describe('the position of a task', () => {
  it('counts who waits before it, by lane and ticket, fired timers included', async () => {
    const scribe = await Scribe.begin(postgres, 'positions');
    const queries = new TaskQueries(scribe.database);
    await scribe.write('low', ready('p1'));
    const ticket = await scribe.write('again', ready('p5'));
    await scribe.write('again', started(ticket));
    await scribe.write('again', retried(timeOf(9)));
    await scribe.write('middle', ready('p5'));
    await scribe.write('front', ready('front'));
    await scribe.write('elsewhere', ready('front'), 'mail');
    const positions = async () =>
      Promise.all(['front', 'middle', 'again', 'low', 'elsewhere'].map((id) => queries.position(id)));
    expect(await positions()).toEqual([0, 1, undefined, 2, 0]);
    await scribe.fire('again');
    expect(await positions()).toEqual([0, 1, 2, 3, 0]);
    await scribe.write('middle', started(5));
    expect(await positions()).toEqual([0, undefined, 1, 2, 0]);
    expect(await queries.position('nobody')).toBeUndefined();
    await scribe.end();
  });
});

describe('the state of the projection', () => {
  it('names the last fact, and a lag that grows while the projector is silent', async () => {
    const scribe = await Scribe.begin(postgres, 'state');
    const queries = new TaskQueries(scribe.database);
    await scribe.write('a', ready('p5'));
    expect(await queries.projection()).toEqual({ sequence: 1, lag_ms: 0, lag_messages: 0, ignored: 0 });
    await scribe.database.rows(
      `UPDATE projections SET lag_ms = 5, updated_at = updated_at - interval '1 minute'`,
    );
    expect((await queries.projection()).lag_ms).toBeGreaterThan(50_000);
    await scribe.database.rows('DELETE FROM projections');
    expect(await queries.projection()).toEqual({ sequence: 0, lag_ms: null, lag_messages: 0, ignored: 0 });
    await scribe.end();
  });
});

describe('a sweep', () => {
  let scribe: Scribe;
  let sweep: SweepQueries;
  const idsOf = (tasks: { id: string }[]): string[] => tasks.map(({ id }) => id).sort();
  beforeEach(async () => {
    scribe = await Scribe.begin(postgres, `sweep_${Math.random().toString(36).slice(2)}`);
    sweep = new SweepQueries(scribe.database);
  });
  afterEach(() => scribe.end());

  it('finds tickets at or below the floor of their lane, of ready and of running tasks', async () => {
    await scribe.write('lost', ready('p5'));
    const ticket = await scribe.write('running', ready('p5'));
    await scribe.write('running', started(ticket));
    await scribe.write('waits', ready('p5'));
    await scribe.write('unknown lane', ready('p9'));
    await scribe.write('elsewhere', ready('p5'), 'mail');
    expect(idsOf(await sweep.lostTickets('video', new Map([['p5', 1]])))).toEqual(['lost']);
    const found = await sweep.lostTickets(
      'video',
      new Map([
        ['p5', 3],
        [laneOf(1), 100],
      ]),
    );
    expect(idsOf(found)).toEqual(['lost', 'running']);
    expect(found.find(({ id }) => id === 'running')).toMatchObject({
      phase: 'running',
      lane: 'p5',
      ticket: 2,
      worker: 'w1',
      token: 3,
      sequence: 3,
    });
    expect(await sweep.lostTickets('video', new Map())).toEqual([]);
  });

  it('finds waits that are overdue and have no fired timer left', async () => {
    await scribe.write('never fired', retried(timeOf(1)));
    await scribe.write('fired', retried(timeOf(2)));
    const due = await scribe.fire('fired');
    await scribe.write('not yet', retried(timeOf(500)));
    const before = new Date(timeOf(400));
    expect(idsOf(await sweep.overdueWaits('video', new Map([['p5', due - 1]]), before))).toEqual([
      'never fired',
    ]);
    expect(idsOf(await sweep.overdueWaits('video', new Map([['p5', due]]), before))).toEqual([
      'fired',
      'never fired',
    ]);
    expect(idsOf(await sweep.overdueWaits('video', new Map(), before))).toEqual(['never fired']);
    expect(await sweep.overdueWaits('mail', new Map(), before)).toEqual([]);
  });

  it('finds waiting tasks whose time to start has passed', async () => {
    await scribe.write('expired', ready('p5', { expires_at: timeOf(50) }));
    const ticket = await scribe.write('started', ready('p5', { expires_at: timeOf(50) }));
    await scribe.write('started', started(ticket));
    await scribe.write('never', ready('p5'));
    expect(await sweep.expired(new Date(timeOf(49)))).toEqual([]);
    expect(idsOf(await sweep.expired(new Date(timeOf(50))))).toEqual(['expired']);
  });

  it('knows the least ticket of a queue, and the unfinished tasks in the order of the facts they need', async () => {
    expect(await sweep.leastTicket('video')).toBeUndefined();
    await scribe.write('wait', retried(timeOf(900)));
    const ticket = await scribe.write('live', ready('p5'));
    await scribe.write('late wait', retried(timeOf(900)));
    expect(await sweep.leastTicket('video')).toBe(2);
    expect(await sweep.leastTicket('mail')).toBeUndefined();
    const unfinished = async (...args: [number, number?, number?]): Promise<string[]> =>
      (await sweep.unfinishedBelow(...args)).map(({ id }) => id);
    expect(await unfinished(3)).toEqual(['wait', 'live']);
    expect(await unfinished(100, 1, 2)).toEqual(['live']);
    await scribe.write('live', started(ticket));
    expect(await sweep.leastTicket('video')).toBe(2);
    await scribe.write('live', succeeded());
    expect(await sweep.leastTicket('video')).toBeUndefined();
    expect(await unfinished(100)).toEqual(['wait', 'late wait']);
  });

  it('sees a carried wait need nothing older, unless it says so', async () => {
    const carried = { until: timeOf(900), lane: 'p5', reason: 'delay', carried: 1 } as const;
    await scribe.write('a', retried(timeOf(900)));
    await scribe.write('a', { kind: 'scheduled', data: { ...card(), ...carried } });
    await scribe.write('b', ready('p5'));
    await scribe.write('b', { kind: 'scheduled', data: { ...card(), ...carried, needs: 3 } });
    const found = await sweep.unfinishedBelow(100);
    expect(found.map(({ id, first_sequence }) => [id, first_sequence])).toEqual([
      ['a', 2],
      ['b', 3],
    ]);
  });

  it('tells how far the projection is, and when that is on disk', async () => {
    await scribe.write('a', ready('p5'));
    const [point] = await sweep.projections();
    expect(point).toMatchObject({ name: 'tasks', sequence: 1, stream_created_at: 'log' });
    expect(await sweep.lastArchived()).toEqual({ sequence: 1, event_id: 'e1' });
    await scribe.database.rows('CHECKPOINT');
    expect(await sweep.isOnDisk(point!.wal)).toBe(true);
  });

  it('finds where the log may be cut, by the number of finished tasks and by age', async () => {
    for (const id of ['a', 'b', 'c']) {
      const ticket = await scribe.write(id, ready('p5'));
      await scribe.write(id, started(ticket));
      await scribe.write(id, succeeded());
    }
    await scribe.write('live', ready('p5'));
    expect(await sweep.sequenceOfFinished(1)).toBe(9);
    expect(await sweep.sequenceOfFinished(3)).toBe(3);
    expect(await sweep.sequenceOfFinished(4)).toBeUndefined();
    for (let sequence = 1; sequence <= 10; sequence++)
      expect(await sweep.sequenceAt(new Date(timeOf(sequence)))).toBe(sequence);
    expect(await sweep.sequenceAt(new Date(timeOf(0)))).toBe(1);
    expect(await sweep.sequenceAt(new Date(timeOf(11)))).toBeUndefined();
  });
});
