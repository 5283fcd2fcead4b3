import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { NO_TASK, decide } from '@millrace/domain';
import type { Command, Fact } from '@millrace/domain';
import { streams } from '@millrace/log';
import type { AlertNote, AlertRecord, TaskLog, WorkerRecord } from '@millrace/log';
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
import { AlertBook } from './alert-book.js';
import { Announcer } from './announcer.js';

const PROJECTOR = new URL('../../../projector/dist/main.js', import.meta.url);
const SCHEDULER = new URL('../main.js', import.meta.url);
const QUEUE = 'films';
const GIB = 1024 ** 3;
const logger = createLogger({ app: 'test', level: 'fatal', format: 'json' });

let nats: TestNats;
let postgres: TestPostgres;
let databaseUrl: string;
let log: TaskLog;
let projector: TestApp;
let schedulers: TestApp[] = [];
let showing: NodeJS.Timeout | undefined;
let told: { verb: string; note: AlertNote }[] = [];

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  databaseUrl = await postgres.freshDatabase();
  projector = spawnApp(PROJECTOR, { NATS_URL: nats.url, DATABASE_URL: databaseUrl });
  log = await openTestLog(nats.url);
  await log.provisionQueue(QUEUE, 'test');
  log.follow({
    stream: streams.ops.name,
    from: 1,
    filters: ['ops.alert.>'],
    onMessages: (messages) => {
      for (const { subject, payload } of messages)
        told.push({ verb: subject.split('.').at(-1)!, note: JSON.parse(payload) as AlertNote });
    },
  });
  await projector.line('Projecting', 30_000);
}, 60_000);

beforeEach(() => {
  told = [];
});

afterEach(async () => {
  clearInterval(showing);
  await Promise.all(schedulers.map((app) => app.kill()));
  schedulers = [];
  for (const bucket of [log.buckets.alerts, log.buckets.alertRules])
    for (const { key } of await bucket.entries()) await bucket.delete(key);
});

afterAll(async () => {
  await projector.kill();
  await log.close();
  await Promise.all([nats.stop(), postgres.stop()]);
});

function startScheduler(): TestApp {
  const app = spawnApp(SCHEDULER, {
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    MILLRACE_ALERT_SECONDS: '0.2',
    MILLRACE_QUIET_SECONDS: '0.1',
  });
  schedulers.push(app);
  return app;
}

const toldOf = (rule: string): string[] =>
  told.filter(({ note }) => note.rule === rule).map(({ verb, note }) => `${verb} ${note.severity ?? 'over'}`);

const untilTold = (rule: string, ...transitions: string[]): Promise<unknown> =>
  waitUntil(() => toldOf(rule).length >= transitions.length, {
    timeoutMs: 20_000,
    what: `${rule} to be ${transitions.join(', ')}`,
  }).then(() => expect(toldOf(rule)).toEqual(transitions));

const RAISED = ['raised warning'];
const ESCALATED = [...RAISED, 'escalated critical'];
const RESOLVED = [...ESCALATED, 'resolved over'];

const actor = { actor: 'test' };

async function changed(task_id: string, command: Command): Promise<Fact> {
  const ref = { queue: QUEUE, task_id };
  if (command.type !== 'submit') return (await log.change(ref, command, actor)).fact!;
  return log.append(ref, 0, decide(command, NO_TASK, { now: Date.now(), random: 0 })!, actor);
}

async function started(task_id: string): Promise<Fact> {
  const { sequence: ticket } = await changed(task_id, aSubmission());
  return changed(task_id, { type: 'claim', worker: 'w', ticket });
}

const succeed = (task_id: string, token: number): Promise<Fact> =>
  changed(task_id, { type: 'succeed', token, result: 1, duration_ms: 1 });

const setRule = (name: string, changes: object): Promise<number> =>
  log.buckets.alertRules.put(name, {
    name,
    metric: name as 'memory',
    window_seconds: 3_600,
    min_count: 0,
    comparison: 'above',
    for_seconds: 0,
    enabled: true,
    message: `${name} is {value}`,
    ...changes,
  });

const aWorker = (memory_bytes: number): WorkerRecord => ({
  worker_id: 'mill-1',
  host: 'mill',
  pid: 1,
  version: '1',
  started_at: new Date().toISOString(),
  last_seen: new Date().toISOString(),
  status: 'active',
  queues: [QUEUE],
  handlers: ['render'],
  unsuited_handlers: [],
  labels: {},
  slots: 1,
  prefetch: 0,
  running: [],
  running_count: 0,
  done: 0,
  failed: 0,
  memory_bytes,
});

/** A worker that goes on showing itself with so much memory. */
async function uses(gib: number): Promise<void> {
  clearInterval(showing);
  const show = (): Promise<number> => log.buckets.workers.put('mill-1', aWorker(Math.round(gib * GIB)));
  await show();
  showing = setInterval(() => void show().catch(() => undefined), 3_000);
}

describe('what goes wrong', () => {
  it('is told once when it begins, gets worse and is over, whichever scheduler leads', async () => {
    await setRule('memory', { warning: 1.5 * GIB, critical: 1.9 * GIB });
    await setRule('task_duration', { warning: 0.1, critical: 3_600 });
    await setRule('no_worker', { critical: 0, each: 'queue', enabled: false });
    const first = startScheduler();
    await uses(1);
    const { sequence: token } = await started('long');
    await uses(1.6);
    await untilTold('memory', ...RAISED);
    await untilTold('task_duration', ...RAISED);
    await first.kill('SIGKILL');
    startScheduler();
    await setRule('task_duration', { warning: 0.1, critical: 0.2 });
    await uses(1.95);
    await untilTold('memory', ...ESCALATED);
    await untilTold('task_duration', ...ESCALATED);
    await uses(1);
    await succeed('long', token);
    await untilTold('memory', ...RESOLVED);
    await untilTold('task_duration', ...RESOLVED);
    expect(new Set(told.map(({ note }) => note.alert_id)).size).toBe(2);
    expect(told.find(({ note }) => note.rule === 'task_duration')?.note).toMatchObject({
      queue: QUEUE,
      task_name: 'render',
      task_id: 'long',
      severity: 'warning',
      threshold: 0.1,
    });
    await waitUntil(async () => (await log.buckets.alerts.entries()).length === 0);
  }, 60_000);

  it('with Postgres is told by the log, and what cannot be known stays as it is', async () => {
    await setRule('task_duration', { warning: 0.1 });
    await setRule('postgres_away', { warning: 0 });
    const scheduler = startScheduler();
    const { sequence: token } = await started('longer');
    await untilTold('task_duration', 'raised warning');
    await postgres.halt();
    await untilTold('postgres_away', 'raised warning');
    await postgres.restart();
    await untilTold('postgres_away', 'raised warning', 'resolved over');
    expect(toldOf('task_duration')).toEqual(['raised warning']);
    const [entry] = await log.buckets.alerts.entries();
    expect(entry?.value).toMatchObject({ rule: 'task_duration', severity: 'warning' });
    expect(scheduler.lines.join('\n')).toContain('postgres_away is');
    await succeed('longer', token);
  });

  it('is told when a rule says so: tasks that fail, a queue that nobody serves', async () => {
    await setRule('failure_rate', { warning: 10, critical: 60 });
    await setRule('no_worker', { critical: 0, each: 'queue' });
    startScheduler();
    await changed('waits', aSubmission());
    await untilTold('no_worker', 'raised critical');
    const ends = await Promise.all(['a', 'b'].map(started));
    await succeed('a', ends[0]!.sequence);
    const error = { name: 'Error', message: 'broken' };
    await changed('b', { type: 'fail', token: ends[1]!.sequence, error, duration_ms: 1, retryable: false });
    await untilTold('failure_rate', 'raised warning');
  });
});

describe('two leaders at once', () => {
  const books = (): AlertBook[] =>
    [1, 2].map(() => new AlertBook(log.buckets.alerts, new Announcer(log, logger)));
  const rule = { name: 'full', metric: 'store_usage', warning: 60 } as const;
  const aRule = {
    ...rule,
    window_seconds: 1,
    min_count: 0,
    comparison: 'above',
    for_seconds: 0,
    enabled: true,
    message: 'The store is {value} full',
  } as const;

  it('raise once', async () => {
    const known = await books()[0]!.read();
    const samples = [{ scope: {}, value: 70 }];
    await Promise.all(books().map((book) => book.observe(aRule, samples, known)));
    await untilTold('full', 'raised warning');
  });

  it('tell what one of them did not live to tell, once', async () => {
    const at = Date.now();
    const record: AlertRecord = {
      key: 'full',
      alert_id: 'one',
      rule: 'full',
      metric: 'store_usage',
      scope: {},
      severity: 'warning',
      worst: 'warning',
      raised_at: at,
      turned: {},
      value: 70,
      threshold: 60,
      message: 'The store is full',
      seen_at: at,
      transitions: 1,
      announce: { id: 'one-1', verb: 'raised', at },
    };
    await log.buckets.alerts.create('full', record);
    const book = new AlertBook(log.buckets.alerts, new Announcer(log, logger));
    await book.tellLeftOver(await book.read());
    expect((await log.buckets.alerts.get('full'))?.value.announce).toBeDefined();
    await book.tellLeftOver(await book.read(), at + 60_000);
    expect((await log.buckets.alerts.get('full'))?.value.announce).toBeUndefined();
    // Died after the note, before the record said so.
    await log.buckets.alerts.put('full', record);
    await book.tellLeftOver(await book.read(), at + 60_000);
    await untilTold('full', 'raised warning');
    await book.observe(aRule, [], await book.read());
    await untilTold('full', 'raised warning', 'resolved over');
    expect(await book.read()).toEqual([]);
  });
});
