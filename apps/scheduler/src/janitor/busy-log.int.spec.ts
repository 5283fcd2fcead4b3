import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NO_TASK, decide, hasEnded, isRefusal } from '@millrace/domain';
import type { Command, Fact, Json, RunningTask } from '@millrace/domain';
import { ConcurrencyError, decodeDue, recordsOf, streams } from '@millrace/log';
import type { TaskLog, Ticket } from '@millrace/log';
import { SweepQueries, TaskQueries, openDatabase } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import { createLogger } from '@millrace/runtime';
import {
  aSubmission,
  openTestLog,
  shareTestPostgres,
  spawnApp,
  startTestNats,
  waitUntil,
} from '@millrace/testing';
import { AlertBook } from '../alerts/alert-book.js';
import { Announcer } from '../alerts/announcer.js';
import { Alerts } from '../patrol/alerts.js';
import { Sweeper } from '../sweeper/sweeper.js';
import { Janitor } from './janitor.js';

const PROJECTOR = new URL('../../../projector/dist/main.js', import.meta.url);
const logger = createLogger({ app: 'test', level: 'fatal', format: 'json' });
const QUEUE = 'films';
const TASKS = 400;
const AT_ONCE = 80;
const WORKER_SLOTS = 40;
/** Longer than any reader needs from one read of a task that has ended to the next. */
const RETENTION_MS = 1_000;
/** More than is copied from ticket to ticket. */
const LONG: Json = { script: 'x'.repeat(9_000) };

/** Records of earlier attempts that later ones have found. */
let resumed = 0;
const ends: (() => Promise<unknown>)[] = [];
let log: TaskLog;
let database: Database;

beforeAll(async () => {
  const [nats, postgres] = await Promise.all([startTestNats(), shareTestPostgres()]);
  const databaseUrl = await postgres.freshDatabase();
  log = await openTestLog(nats.url);
  await log.provisionQueue(QUEUE, 'test');
  database = openDatabase(databaseUrl);
  const projector = spawnApp(PROJECTOR, { NATS_URL: nats.url, DATABASE_URL: databaseUrl });
  ends.push(
    () => log.close(),
    () => database.close(),
    () => projector.kill(),
    nats.stop,
    postgres.stop,
  );
  await projector.line('Projecting the log');
});

afterAll(async () => {
  for (const end of ends) await end();
});

const any = (below: number): number => Math.floor(Math.random() * below);
const actor = { actor: 'test' };

/** Undefined when the task is in no state for it. */
async function tried(task_id: string, command: Command): Promise<Fact | undefined> {
  try {
    return (await log.change({ queue: QUEUE, task_id }, command, actor)).fact;
  } catch (error) {
    if (error instanceof ConcurrencyError || isRefusal(error)) return undefined;
    throw error;
  }
}

async function submit(task_id: string): Promise<void> {
  const delay = any(3) === 0 && { not_before: new Date(Date.now() + any(1_000)).toISOString() };
  const command: Command = { ...aSubmission(), parameters: any(2) ? LONG : { film: 'a' }, ...delay };
  const event = decide(command, NO_TASK, { now: Date.now(), random: 0 })!;
  await log.append({ queue: QUEUE, task_id }, 0, event, actor);
}

/** An attempt that looks for its parameters, and ends as it happens to. */
async function run(ticket: Ticket): Promise<void> {
  const { task_id } = ticket;
  const after = ticket.due ? decodeDue(ticket, ticket.sequence, ticket.payload).after : undefined;
  const claim = {
    type: 'claim',
    worker: 'w',
    ticket: ticket.sequence,
    ...(after !== undefined && { after }),
  } as const;
  const started = await tried(task_id, claim);
  if (started?.kind === 'started') {
    await sleep(any(50));
    const state = await log.read.task(ticket);
    // Whoever was cancelled meanwhile needs nothing.
    if (state.phase === 'running') {
      await log.read.parametersOf(state);
      await goOn(state);
    }
    await tried(task_id, endOf(started.sequence));
  }
  ticket.ack();
}

/** Looks for all that earlier attempts have recorded, and records more. */
async function goOn({ id, run: { token, attempt, checkpoint = 0, step = 0 } }: RunningTask): Promise<void> {
  const { facts } = await recordsOf(log.read, { checkpoint, step });
  resumed += facts.length;
  const steps = Object.fromEntries(
    facts.flatMap(({ kind, data, sequence }) => (kind === 'step' ? [[data.name, sequence]] : [])),
  );
  const savesAll = any(2);
  if (savesAll) await tried(id, { type: 'save-checkpoint', token, state: attempt, steps });
  else if (any(2)) {
    const record = {
      name: `step-${attempt}`,
      type: 'step',
      order: 1,
      ...(step > 0 && { before: [step] }),
    } as const;
    await tried(id, { type: 'record-step', token, step: record });
  }
}

function endOf(token: number): Command {
  const error = { name: 'Error', message: 'no' };
  const chance = any(10);
  if (chance < 6) return { type: 'succeed', token, result: 1, duration_ms: 1 };
  if (chance < 8) return { type: 'fail', token, error, retryable: true, duration_ms: 1, delay_ms: any(700) };
  if (chance < 9) return { type: 'fail', token, error, retryable: false, duration_ms: 1 };
  return { type: 'pause', reason: 'asked', token };
}

const MEDDLING: Command[] = [
  { type: 'pause', reason: 'asked' },
  { type: 'move-to-front' },
  { type: 'resume' },
  { type: 'resume' },
];

/** Somebody who pauses, resumes and cancels without plan. */
async function meddle(task_id: string): Promise<void> {
  const state = await log.read.task({ queue: QUEUE, task_id });
  // A failed task that comes back may miss what has left the log: not the janitor's business.
  if (!hasEnded(state)) await tried(task_id, any(20) === 0 ? { type: 'cancel' } : MEDDLING[any(4)]!);
}

/** Whoever was paused goes on. */
async function resume(task_id: string): Promise<void> {
  const state = await log.read.task({ queue: QUEUE, task_id });
  if (state.phase === 'paused') await tried(task_id, { type: 'resume' });
}

describe('a busy log with two janitors and a sweeper', () => {
  it('is shortened all the time, and no task loses what it needs', async () => {
    const tables = new SweepQueries(database);
    const failures: unknown[] = [];
    let submitted = 0;
    let isOver = false;
    const meanwhile = async (work: () => Promise<unknown>, restMs: number): Promise<void> => {
      while (!isOver) {
        await work().catch((error: unknown) => failures.push(error));
        await sleep(restMs);
      }
    };
    let inHand = 0;
    const puller = log.pull({
      queues: [QUEUE],
      free: () => WORKER_SLOTS - inHand,
      onTicket: (ticket) => {
        inHand++;
        run(ticket)
          .catch((error: unknown) => failures.push(error))
          .finally(() => {
            inHand--;
            puller.wake();
          });
      },
    });
    log.answerRuns('w', () => true);
    const alerts = new Alerts(log, new AlertBook(log.buckets.alerts, new Announcer(log, logger)));
    const options = { log, tables, logger, alerts, retentionMs: RETENTION_MS, retentionTasks: 1e6 };
    const janitor = new Janitor(options);
    const another = new Janitor(options);
    const sweeper = new Sweeper({ log, tables, logger, quietMs: 0, overdueAfterMs: 2_000 });
    const company = [
      meanwhile(() => janitor.round(), 20),
      meanwhile(() => another.round(), 30),
      meanwhile(() => sweeper.round(), 100),
      meanwhile(() => (submitted < TASKS ? meddle : resume)(`t${any(submitted)}`), 2),
      meanwhile(() => (submitted < TASKS ? meddle : resume)(`t${any(submitted)}`), 2),
    ];
    const unfinished = async (): Promise<number> =>
      (await tables.unfinishedBelow(Number.MAX_SAFE_INTEGER, TASKS)).length;
    while (submitted < TASKS && failures.length === 0)
      if ((await unfinished()) < AT_ONCE) await submit(`t${submitted++}`);
      else await sleep(10);
    await waitUntil(async () => failures.length > 0 || (await unfinished()) === 0, { timeoutMs: 60_000 });
    isOver = true;
    await Promise.all(company);
    await puller.stop();
    expect(failures).toEqual([]);
    expect(resumed).toBeGreaterThan(0);
    const kept = await log.admin.state(streams.kept.name);
    expect(kept.lastSequence).toBeGreaterThan(0);
    const rows = await database.rows<{ phase: string; tasks: number }>(
      'SELECT phase, count(*) AS tasks FROM tasks GROUP BY phase',
    );
    expect(rows.map(({ phase }) => phase).sort()).toEqual(['cancelled', 'failed', 'succeeded']);
    expect(rows.reduce((sum, { tasks }) => sum + tasks, 0)).toBe(TASKS);
    const { firstSequence, lastSequence } = await log.admin.state();
    expect(firstSequence).toBeGreaterThan(lastSequence / 2);
    // Nothing was lost, so nothing was repaired.
    expect(await log.read.lastOn('ops.task.repaired', streams.ops.name)).toBeUndefined();
    // The archive has every fact, whatever left the log.
    expect((await new TaskQueries(database).events('t0'))[0]?.prev).toBe(0);
  }, 60_000);
});
