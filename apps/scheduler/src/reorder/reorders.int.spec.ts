import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NO_TASK, decide, laneRank } from '@millrace/domain';
import type { Command, Fact } from '@millrace/domain';
import { REORDER, readNote, reorderOutcomeSchema, streams, subjects } from '@millrace/log';
import type { ReorderOutcome, ReorderRequest, TaskLog } from '@millrace/log';
import { LaneQueries, TaskQueries, openDatabase } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import { createLogger } from '@millrace/runtime';
import {
  aSubmission,
  openTestLog,
  spawnApp,
  startTestNats,
  startTestPostgres,
  waitUntil,
} from '@millrace/testing';
import type { TestApp, TestNats, TestPostgres } from '@millrace/testing';
import { Ageing } from '../ageing/ageing.js';

const PROJECTOR = new URL('../../../projector/dist/main.js', import.meta.url);
const SCHEDULER = new URL('../main.js', import.meta.url);

/** A process of its own, on a machine that may be busy. */
const STARTS_WITHIN_MS = 40_000;

let nats: TestNats;
let postgres: TestPostgres;
let databaseUrl: string;
let database: Database;
let log: TaskLog;
let projector: TestApp;
let scheduler: TestApp;
const outcomes: (ReorderOutcome & { sequence: number })[] = [];

const settings = (): Record<string, string> => ({ NATS_URL: nats.url, DATABASE_URL: databaseUrl });

async function startScheduler(): Promise<void> {
  scheduler = spawnApp(SCHEDULER, settings());
  await scheduler.line(/"concern":"reorder","msg":"Leads"/, STARTS_WITHIN_MS);
}

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  databaseUrl = await postgres.freshDatabase();
  database = openDatabase(databaseUrl);
  log = await openTestLog(nats.url);
  projector = spawnApp(PROJECTOR, settings());
  await Promise.all([projector.line('Projecting the log', STARTS_WITHIN_MS), startScheduler()]);
  log.follow({
    stream: streams.ops.name,
    from: 1,
    filters: [subjects.op('queue', REORDER.outcome)],
    onMessages: (messages) => {
      for (const message of messages)
        outcomes.push({ ...readNote(reorderOutcomeSchema, message)!, sequence: message.sequence });
    },
  });
}, 60_000);

afterAll(async () => {
  await Promise.all([projector.kill(), scheduler.kill()]);
  await log.close();
  await database.close();
  await Promise.all([nats.stop(), postgres.stop()]);
});

const actor = { actor: 'test' };
let queues = 0;

/** A queue of the test's own, with waiting tasks; `a7` has the priority 7, `a` the usual one. */
async function aQueue(tasks: readonly string[]): Promise<{ queue: string; id: (name: string) => string }> {
  const queue = `q${++queues}`;
  const id = (name: string): string => `${queue}-${name}`;
  for (const name of tasks) await submit(queue, id(name), Number(/\d+$/.exec(name)?.[0] ?? 5));
  return { queue, id };
}

function submit(queue: string, task_id: string, priority = 5, not_before?: string): Promise<Fact> {
  const submission = aSubmission();
  const spec = { ...submission.spec, priority };
  const command: Command = { ...submission, spec, ...(not_before !== undefined && { not_before }) };
  return log.append({ queue, task_id }, 0, decide(command, NO_TASK, { now: Date.now(), random: 0 })!, actor);
}

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();

type Position = ReorderRequest['position'];

const ask = (queue: string, task_id: string, position: Position, deadline = inMs(10_000)): Promise<number> =>
  log.note('queue', REORDER.request, { queue, task_id, position, ...actor, at: inMs(0), deadline });

const outcomeOf = (request: number): Promise<ReorderOutcome & { sequence: number }> =>
  waitUntil(() => outcomes.find((outcome) => outcome.request === request));

const reorder = async (queue: string, task_id: string, position: Position) =>
  outcomeOf(await ask(queue, task_id, position));

/** Names of the tasks in the order in which the log has their tickets. */
async function orderOf(queue: string, names: readonly string[]): Promise<string[]> {
  const places: { name: string; rank: number; ticket: number }[] = [];
  for (const name of names) {
    const state = await log.read.task({ queue, task_id: `${queue}-${name}` });
    if (state.phase === 'ready') places.push({ name, rank: laneRank(state.lane), ticket: state.ticket });
  }
  return places.sort((a, b) => a.rank - b.rank || a.ticket - b.ticket).map(({ name }) => name);
}

const claim = async (queue: string, task_id: string, limited = false): Promise<Fact> => {
  const state = await log.read.task({ queue, task_id });
  const ticket = state.phase === 'ready' ? state.ticket : 0;
  const command: Command = { type: 'claim', worker: 'w1', ticket, limited };
  return (await log.change({ queue, task_id }, command, actor)).fact!;
};

const projected = (sequence: number): Promise<unknown> =>
  waitUntil(async () => (await new TaskQueries(database).projection()).sequence >= sequence);

/** The list after the task was moved in it. */
function withMoved(list: readonly string[], name: string, position: number): string[] {
  const others = list.filter((other) => other !== name);
  return [...others.slice(0, position), name, ...others.slice(position)];
}

describe('a reorder', () => {
  it('moves a task to any position, whatever was moved before', async () => {
    const names = ['a', 'b', 'c', 'd9', 'e', 'f'];
    const { queue, id } = await aQueue(names);
    let list = ['d9', 'a', 'b', 'c', 'e', 'f'];
    const moves: [string, number][] = [
      ['e', 0],
      ['c', 1],
      ['a', 0],
      ['f', 4],
      ['e', 2],
      ['b', 99],
      ['d9', 3],
    ];
    for (const [name, position] of moves) {
      const { new_position, priority, refused } = await reorder(queue, id(name), position);
      list = withMoved(list, name, position);
      expect({ new_position, priority, refused }).toEqual({
        new_position: list.indexOf(name),
        priority: name === 'd9' ? 9 : 5,
        refused: undefined,
      });
      expect(await orderOf(queue, names)).toEqual(list);
    }
  });

  it('to the back puts a task behind all of its own priority', async () => {
    const names = ['a', 'b', 'c9', 'd2'];
    const { queue, id } = await aQueue(names);
    await reorder(queue, id('b'), 'front');
    expect(await orderOf(queue, names)).toEqual(['b', 'c9', 'a', 'd2']);
    expect(await reorder(queue, id('b'), 'back')).toMatchObject({ new_position: 2, moved: 1 });
    expect(await orderOf(queue, names)).toEqual(['c9', 'a', 'b', 'd2']);
  });

  it('gives a task that waits for its time its place', async () => {
    const { queue, id } = await aQueue(['a', 'b']);
    await submit(queue, id('late'), 5, inMs(3_600_000));
    expect(await reorder(queue, id('late'), 1)).toMatchObject({ new_position: 1 });
    expect(await orderOf(queue, ['a', 'b', 'late'])).toEqual(['a', 'late', 'b']);
  });

  it('of a task that has started, or does not exist, is refused', async () => {
    const { queue, id } = await aQueue(['a']);
    await claim(queue, id('a'));
    expect((await reorder(queue, id('a'), 0)).refused).toMatchObject({ code: 'task/not-waiting' });
    expect((await reorder(queue, id('x'), 0)).refused).toMatchObject({ code: 'task/not-found' });
  });

  it('is refused once its deadline has passed', async () => {
    const { queue, id } = await aQueue(['a', 'b']);
    const { refused } = await outcomeOf(await ask(queue, id('b'), 0, inMs(-1)));
    expect(refused).toMatchObject({ code: 'scheduler/unavailable' });
    expect(await orderOf(queue, ['a', 'b'])).toEqual(['a', 'b']);
  });

  it('among tasks that wait for a slot places one between its neighbours', async () => {
    const names = ['a', 'b', 'c', 'd9'];
    const queue = `q${++queues}`;
    const id = (name: string): string => `${queue}-${name}`;
    await log.buckets.queues.put(queue, { name: queue, defined_by: 'test', settings: { concurrency: 1 } });
    await submit(queue, id('runs'));
    await claim(queue, id('runs'), true);
    await waitUntil(async () => (await log.read.task({ queue, task_id: id('runs') })).phase === 'ready');
    await claim(queue, id('runs'));
    for (const name of names) {
      await submit(queue, id(name), name === 'd9' ? 9 : 5);
      await claim(queue, id(name), true);
    }
    // A reorder counts the tasks that the rows tell of: those that came after its own task may not be among them yet.
    await projected((await log.read.lastOn(subjects.allTasks))!.sequence);
    const order = async (request: ReorderOutcome): Promise<string[]> => {
      expect(request.refused).toBeUndefined();
      await projected((await log.read.lastOn(subjects.allTasks))!.sequence);
      const held = await new LaneQueries(database).held(queue, '', 10);
      return held.map((task) => task.id.slice(queue.length + 1));
    };
    expect(await order(await reorder(queue, id('c'), 1))).toEqual(['d9', 'c', 'a', 'b']);
    expect(await order(await reorder(queue, id('b'), 'front'))).toEqual(['b', 'd9', 'c', 'a']);
    expect(await order(await reorder(queue, id('d9'), 2))).toEqual(['b', 'c', 'd9', 'a']);
    expect(await order(await reorder(queue, id('b'), 'back'))).toEqual(['c', 'd9', 'a', 'b']);
  });
});

describe('many reorders at once', () => {
  it('are done one after the other: none is lost, and the order is that of their outcomes', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `t${i}x`);
    const { queue, id } = await aQueue(names);
    const asked = Array.from({ length: 40 }, (_, i) => ({
      name: names[(i * 7) % names.length]!,
      position: (i * 5) % 13,
    }));
    const requests = await Promise.all(
      asked.map(async (move) => ({ ...move, request: await ask(queue, id(move.name), move.position) })),
    );
    const done = await Promise.all(requests.map(({ request }) => outcomeOf(request)));
    const inOrder = done.sort((a, b) => a.sequence - b.sequence);
    expect(inOrder.map(({ request }) => request)).toEqual(
      requests.map(({ request }) => request).sort((a, b) => a - b),
    );
    let list = names;
    for (const { request } of inOrder) {
      const { name, position } = requests.find((move) => move.request === request)!;
      list = withMoved(list, name, position);
    }
    expect(await orderOf(queue, names)).toEqual(list);
  });

  it('leave out what starts meanwhile', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `t${i}x`);
    const { queue, id } = await aQueue(names);
    const asked = await Promise.all([29, 28, 27].map((i) => ask(queue, id(`t${i}x`), 20)));
    // Which of them are claimed before they are moved is a matter of chance.
    const starts = await Promise.allSettled([3, 4, 5, 6].map((i) => claim(queue, id(`t${i}x`))));
    await Promise.all(asked.map(outcomeOf));
    const started = starts.filter(({ status }) => status === 'fulfilled').length;
    const waiting = await orderOf(queue, names);
    expect(waiting).toHaveLength(30 - started);
    expect(waiting.filter((name) => !['t29x', 't28x', 't27x'].includes(name))).toEqual(
      names.slice(0, 27).filter((name) => waiting.includes(name)),
    );
  });
});

describe('a new leader', () => {
  it('ends what its predecessor began, also after the deadline, and goes on behind it', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const { queue, id } = await aQueue(names);
    expect((await scheduler.kill()).code).toBe(0);
    const request = await ask(queue, id('e'), 3, inMs(-1));
    const next = await ask(queue, id('d'), 0, inMs(30_000));
    const tasks = ['a', 'b', 'c', 'e'].map(id);
    await log.note('queue', REORDER.plan, { request, queue, stay: 0, tasks });
    // As far as the predecessor came.
    for (const name of ['a', 'b'])
      await log.change({ queue, task_id: id(name) }, { type: 'move-to-front' }, actor);
    await startScheduler();
    expect(await outcomeOf(request)).toMatchObject({ new_position: 3, moved: 4 });
    expect(await outcomeOf(next)).toMatchObject({ new_position: 0 });
    expect(await orderOf(queue, names)).toEqual(['d', 'a', 'b', 'c', 'e']);
  });
});

describe('ageing', () => {
  const ageing = () =>
    new Ageing(log, new LaneQueries(database), createLogger({ app: 'test', level: 'fatal', format: 'json' }));

  it('raises by one lane what has waited for so long, where it is wanted', async () => {
    const { queue, id } = await aQueue(['a', 'b10']);
    const other = await aQueue(['a']);
    await log.buckets.queues.put(queue, {
      name: queue,
      defined_by: 'test',
      settings: { age_after_seconds: 0.001 },
    });
    await projected((await log.read.lastOn(subjects.allTasks))!.sequence);
    await ageing().round();
    const kinds = async (ref: { queue: string; task_id: string }) =>
      (await log.read.history(ref)).map(({ kind }) => kind);
    expect(await kinds({ queue, task_id: id('a') })).toEqual(['p5', 'p6']);
    expect(await kinds({ queue, task_id: id('b10') })).toEqual(['p10']);
    expect(await kinds({ queue: other.queue, task_id: other.id('a') })).toEqual(['p5']);
    // The rows may be old: nothing rises twice for one wait.
    await log.buckets.queues.put(queue, {
      name: queue,
      defined_by: 'test',
      settings: { age_after_seconds: 60 },
    });
    await ageing().round();
    expect(await kinds({ queue, task_id: id('a') })).toEqual(['p5', 'p6']);
  });
});

describe('while Postgres is away', () => {
  it('a reorder is refused in words', async () => {
    const { queue, id } = await aQueue(['a', 'b']);
    await postgres.halt();
    const { refused } = await reorder(queue, id('b'), 0);
    await postgres.restart();
    expect(refused).toMatchObject({ code: 'archive/unavailable' });
    expect(refused?.detail).toContain('nothing was moved');
  });
});
