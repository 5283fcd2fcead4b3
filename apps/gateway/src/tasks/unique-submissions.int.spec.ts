import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hasEnded, isRefusal } from '@millrace/domain';
import type { ExistingTask, Fact } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import { migrate, openDatabase } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import { createLogger } from '@millrace/runtime';
import { openTestLog, shareTestPostgres, startTestNats } from '@millrace/testing';
import type { SharedPostgres, TestNats } from '@millrace/testing';
import { Archive } from '../archive/archive.js';
import { readGatewayConfig } from '../config.js';
import { LogWatch } from '../log/log-watch.js';
import { DEFAULT_RECORD, KnownQueue } from '../queues/known-queue.js';
import { QueueCatalogue } from '../queues/queue-catalogue.js';
import { QueueDepths } from '../queues/queue-depths.js';
import { archive } from '../testing/archiver.js';
import { TaskDriver } from '../testing/task-driver.js';
import type { SubmitTask, SubmittedTask } from './submit-task.schema.js';
import { hashOfKey, idOfKey } from './task-id.js';
import { orderOf } from './task-order.js';
import type { UniqueOrder } from './unique-submissions.service.js';
import { UniqueSubmissions } from './unique-submissions.service.js';

const BY = { actor: 'api:test', correlationId: 'c-1' };
const AT_ONCE = 50;
const QUEUE = new KnownQueue(DEFAULT_RECORD);

let nats: TestNats;
let postgres: SharedPostgres;
let database: Database;
let databaseUrl: string;
let driver: TaskDriver;
let log: TaskLog;
/** As in two gateways. */
let sides: { log: TaskLog; watch: LogWatch; unique: UniqueSubmissions }[];

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), shareTestPostgres()]);
  databaseUrl = await postgres.freshDatabase();
  await migrate(databaseUrl);
  database = openDatabase(databaseUrl, { applicationName: 'test' });
  sides = await Promise.all([side(), side()]);
  ({ log } = sides[0]!);
  driver = new TaskDriver(log);
}, 60_000);

afterAll(async () => {
  await Promise.all(sides.map((each) => each.log.close()));
  await database.close();
  await nats.stop();
  await postgres.stop();
});

async function side() {
  const opened = await openTestLog(nats.url);
  const logger = createLogger({ app: 'test', level: 'fatal', format: 'json' });
  const watch = new LogWatch(opened, readGatewayConfig({}), logger);
  const rows = new Archive(database);
  const depths = new QueueDepths(opened, rows, new QueueCatalogue(opened), logger);
  return { log: opened, watch, unique: new UniqueSubmissions(opened, watch, rows, depths) };
}

function orderFor(body: Partial<SubmitTask>, now: number): UniqueOrder {
  const order = orderOf({ task_name: 'work', ...body }, undefined, QUEUE, { now, correlationId: 'c-1' });
  return order as UniqueOrder;
}

const submit = (body: Partial<SubmitTask>, now = Date.now(), at = 0): Promise<SubmittedTask> =>
  sides[at]!.unique.submit(orderFor(body, now), BY, now);

/** Many submissions of one key, over both gateways; their parameters tell which is which. */
const submitAtOnce = (body: Partial<SubmitTask>): Promise<SubmittedTask[]> =>
  Promise.all(
    Array.from({ length: AT_ONCE }, (_, n) => submit({ ...body, parameters: n }, Date.now(), n % 2)),
  );

const idOf = (key: string, generation: number): string => idOfKey(hashOfKey('default', key), generation);
const hintOf = async (key: string): Promise<number | undefined> =>
  (await log.buckets.unique.get(hashOfKey('default', key)))?.value.generation;

async function stateOf(taskId: string): Promise<ExistingTask> {
  const state = await log.read.current({ task_id: taskId });
  if (state.phase === 'none') throw new Error(`There is no task ${taskId}.`);
  return state;
}

const historyOf = (task_id: string): Promise<Fact[]> => log.read.history({ queue: 'default', task_id });

const cancel = async (taskId: string): Promise<void> => {
  await log.change({ task_id: taskId }, { type: 'cancel' }, BY);
};

const ENDS: Record<string, (taskId: string) => Promise<unknown>> = {
  success: async (taskId) => {
    await driver.start(taskId);
    return driver.succeed(taskId, null);
  },
  failure: async (taskId) => {
    await driver.start(taskId);
    return driver.fail(taskId, 'broken');
  },
  'a cancel': cancel,
};

describe('a key that is taken until its task has ended', () => {
  const unique = { scope: 'until_done' } as const;

  it.each(Object.keys(ENDS))('is free again after %s', async (end) => {
    const body = { unique_key: `ends by ${end}`, unique };
    const first = await submit(body);
    expect(first).toMatchObject({ task_id: idOf(body.unique_key, 1), duplicate: false, replaced: false });
    expect(await submit(body, Date.now(), 1)).toEqual({ ...first, duplicate: true });
    await ENDS[end]!(first.task_id);
    const second = await submit(body, Date.now(), 1);
    expect(second).toMatchObject({ task_id: idOf(body.unique_key, 2), duplicate: false });
    expect(await submit(body)).toEqual({ ...second, duplicate: true });
  });

  it('is taken by a run, a retry and a pause', async () => {
    const body = { unique_key: 'long', unique };
    const { task_id } = await submit(body);
    await driver.start(task_id);
    expect(await submit(body)).toMatchObject({ task_id, status: 'STARTED', duplicate: true });
    await driver.fail(task_id, 'busy', true);
    expect(await submit(body)).toMatchObject({ task_id, status: 'RETRY', duplicate: true });
    await driver.pause(task_id);
    expect(await submit(body)).toMatchObject({ task_id, status: 'PAUSED', duplicate: true });
  });

  it('goes to exactly one of many, each time', async () => {
    const body = { unique_key: 'crowd', unique };
    for (let generation = 1; generation <= 3; generation++) {
      const answers = await submitAtOnce(body);
      expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      expect(new Set(answers.map(({ task_id }) => task_id))).toEqual(new Set([idOf('crowd', generation)]));
      await cancel(idOf('crowd', generation));
    }
    expect(await hintOf('crowd')).toBe(3);
  });

  it('never has two tasks that live, while they end under those who come', async () => {
    const body = { unique_key: 'churn', unique };
    for (let round = 0; round < 5; round++) {
      const [answers] = await Promise.all([
        submitAtOnce(body),
        submit(body).then(({ task_id }) => cancel(task_id)),
      ]);
      const made = answers.filter(({ duplicate }) => !duplicate).map(({ task_id }) => task_id);
      expect(new Set(made).size).toBe(made.length);
    }
    const last = (await hintOf('churn'))!;
    for (let generation = 1; generation < last; generation++)
      expect(hasEnded(await stateOf(idOf('churn', generation)))).toBe(true);
  });
});

describe('a key that is taken for a window', () => {
  const unique = { mode: 'throttle', window_seconds: 10 } as const;

  it('is free as soon as the window is over, whatever became of the task', async () => {
    const body = { unique_key: 'window', unique };
    const at = Date.now();
    const first = await submit(body, at);
    expect(await submit(body, at + 9_999)).toEqual({ ...first, duplicate: true });
    const second = await submit(body, at + 10_000);
    expect(second).toMatchObject({ task_id: idOf('window', 2), duplicate: false });
    await cancel(second.task_id);
    expect(await submit(body, at + 19_999, 1)).toMatchObject({ task_id: second.task_id, status: 'REVOKED' });
    expect(await submit(body, at + 20_000, 1)).toMatchObject({ task_id: idOf('window', 3) });
  });

  it('goes to the first of many', async () => {
    const answers = await submitAtOnce({ unique_key: 'throttled', unique });
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(await historyOf(idOf('throttled', 1))).toHaveLength(1);
  });
});

describe('a task that waits', () => {
  const unique = { mode: 'replace' } as const;

  it('becomes the last of many that replace it', async () => {
    const answers = await submitAtOnce({ unique_key: 'last wins', unique });
    const id = idOf('last wins', 1);
    expect(new Set(answers.map(({ task_id }) => task_id))).toEqual(new Set([id]));
    expect(answers.filter(({ replaced }) => replaced)).toHaveLength(AT_ONCE - 1);
    expect(await historyOf(id)).toHaveLength(AT_ONCE);
    const last = answers.map(({ sequence }) => sequence).indexOf((await stateOf(id)).sequence);
    expect(await stateOf(id)).toMatchObject({ phase: 'ready', parameters: last });
    // Of each gateway, those before the last one were there before.
    expect(last).toBeGreaterThanOrEqual(AT_ONCE - 2);
  });

  it('is replaced in all that was asked for, and keeps its key', async () => {
    const body = { unique_key: 'other', unique };
    const { task_id } = await submit({ ...body, delay_seconds: 60, tags: ['old'] });
    const again = await submit({ ...body, priority: 9, parameters: 'new' }, Date.now(), 1);
    expect(again).toMatchObject({ task_id, status: 'PENDING', priority: 9, duplicate: true, replaced: true });
    const state = await stateOf(task_id);
    expect(state).toMatchObject({ phase: 'ready', lane: 'p9', parameters: 'new' });
    expect(state.spec).not.toHaveProperty('tags');
    const [wait] = await historyOf(task_id);
    expect(await log.admin.hasTimer({ queue: 'default', task_id }, wait!.sequence)).toBe(false);
  });

  it('is let be once it has started, however it goes on', async () => {
    const body = { unique_key: 'too late', unique };
    const first = await submit(body);
    await driver.start(first.task_id);
    await driver.fail(first.task_id, 'busy', true);
    expect(await submit(body)).toMatchObject({ task_id: idOf('too late', 2), duplicate: false });
    expect(await submit(body)).toMatchObject({ task_id: idOf('too late', 2), replaced: true });
    expect(await stateOf(first.task_id)).toMatchObject({ phase: 'scheduled', reason: 'retry' });
  });

  it('stays paused when it is replaced', async () => {
    const body = { unique_key: 'aside', unique };
    const { task_id } = await submit(body);
    await driver.pause(task_id);
    const again = await submit({ ...body, parameters: 'new' });
    expect(again).toMatchObject({ task_id, status: 'PAUSED', replaced: true });
    expect(await stateOf(task_id)).toMatchObject({ phase: 'paused', reason: 'asked', parameters: 'new' });
  });

  it('is replaced or started, never both', async () => {
    const unique_key = 'race';
    for (let round = 0; round < 10; round++) {
      const { task_id } = await submit({ unique_key, unique, parameters: 'old' });
      const [again, started] = await Promise.all([
        submit({ unique_key, unique, parameters: 'new' }, Date.now(), 1),
        driver.start(task_id).then(
          () => true,
          () => false,
        ),
      ]);
      const state = await stateOf(task_id);
      if (again.replaced) expect(state.parameters).toBe('new');
      else expect([again.duplicate, started, state.parameters]).toEqual([false, true, 'old']);
      await cancel(task_id);
      await cancel(again.task_id);
    }
  });
});

describe('a task that waits for quiet', () => {
  const unique = { mode: 'debounce', quiet_seconds: 30 } as const;

  it('waits anew with each submission, and runs once, with the last parameters', async () => {
    const before = Date.now();
    const answers = await submitAtOnce({ unique_key: 'quiet', unique });
    const id = idOf('quiet', 1);
    const state = await stateOf(id);
    const last = answers.map(({ sequence }) => sequence).indexOf(state.sequence);
    expect(state).toMatchObject({ phase: 'scheduled', reason: 'delay', parameters: last });
    const [{ until }] = [state as ExistingTask & { phase: 'scheduled' }];
    expect(Date.parse(until)).toBeGreaterThanOrEqual(before + 30_000);

    const waits = await historyOf(id);
    expect(waits).toHaveLength(AT_ONCE);
    const claims = await Promise.allSettled(
      waits.map(({ sequence }) =>
        log.change(
          { task_id: id },
          { type: 'claim', worker: 'w', ticket: 10_000 + sequence, after: sequence },
          {
            actor: 'worker:w',
          },
        ),
      ),
    );
    const ran = claims.filter(({ status }) => status === 'fulfilled');
    expect(ran).toHaveLength(1);
    expect(claims.at(-1)).toBe(ran[0]);
    for (const claim of claims) if (claim.status === 'rejected') expect(isRefusal(claim.reason)).toBe(true);
  });

  it('waits no longer for others once it has started', async () => {
    const body = { unique_key: 'quiet twice', unique };
    const first = await submit(body);
    await driver.due(first.task_id);
    const second = await submit(body);
    expect(second).toMatchObject({ task_id: idOf('quiet twice', 2), duplicate: false });
    expect(await stateOf(second.task_id)).toMatchObject({ phase: 'scheduled' });
  });
});

describe('the newest task of a key', () => {
  const unique = { scope: 'until_done' } as const;

  it('is found when its gateway died before it told of it', async () => {
    const body = { unique_key: 'untold', unique };
    for (let generation = 1; generation <= 4; generation++) {
      const order = orderFor(body, Date.now());
      const ref = { queue: 'default', task_id: idOf('untold', generation) };
      await log.append(ref, 0, order.event, BY);
      if (generation < 4) await cancel(ref.task_id);
    }
    expect(await hintOf('untold')).toBeUndefined();
    expect(await submit(body)).toMatchObject({ task_id: idOf('untold', 4), duplicate: true });
    expect(await hintOf('untold')).toBe(4);
  });

  it('is told by whoever made or met it, and never back', async () => {
    const body = { unique_key: 'told', unique };
    for (let generation = 1; generation <= 3; generation++) await cancel((await submit(body)).task_id);
    expect(await hintOf('told')).toBe(3);
    await log.buckets.unique.put(hashOfKey('default', 'told'), { generation: 1 });
    expect(await submit(body)).toMatchObject({ task_id: idOf('told', 4), duplicate: false });
    expect(await hintOf('told')).toBe(4);
  });

  it('is found in the archive when it has left the log', async () => {
    const windowed = {
      unique_key: 'left in time',
      unique: { mode: 'throttle', window_seconds: 60 },
    } as const;
    const done = { unique_key: 'left', unique };
    const at = Date.now();
    const throttled = await submit(windowed, at);
    await cancel(throttled.task_id);
    for (let generation = 1; generation <= 3; generation++) await cancel((await submit(done)).task_id);
    await archive(log, databaseUrl);
    await log.admin.purgeBelow((await log.admin.state()).lastSequence + 1);
    for (const { watch } of sides) await watch.hasForgottenByNow();
    await log.buckets.unique.delete(hashOfKey('default', 'left'));

    expect(await submit(windowed, at + 59_999)).toEqual({
      ...throttled,
      status: 'REVOKED',
      duplicate: true,
      sequence: throttled.sequence + 1,
    });
    expect(await submit(windowed, at + 60_000)).toMatchObject({ task_id: idOf('left in time', 2) });
    expect(await submit(done)).toMatchObject({ task_id: idOf('left', 4), duplicate: false });
    expect(await submit({ ...done, unique: { mode: 'replace' } })).toMatchObject({
      task_id: idOf('left', 4),
      replaced: true,
    });
  });
});
