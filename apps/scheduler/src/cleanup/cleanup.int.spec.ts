import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { NO_TASK, decide } from '@millrace/domain';
import type { Command, ExistingTask, Fact } from '@millrace/domain';
import { CLEANUP, ConcurrencyError, cleanupNoteSchema, streams } from '@millrace/log';
import type { CleanupRequest, TaskLog } from '@millrace/log';
import { CleanupQueries, SweepQueries, TaskQueries, openDatabase } from '@millrace/read-model';
import type { Database, TaskRow } from '@millrace/read-model';
import { createLogger } from '@millrace/runtime';
import {
  aSubmission,
  openTestLog,
  shareTestPostgres,
  spawnApp,
  startTestNats,
  waitUntil,
} from '@millrace/testing';
import { Cleaner } from './cleaner.js';
import { Cleanup } from './cleanup.js';
import { dueRules } from './retention.js';

const PROJECTOR = new URL('../../../projector/dist/main.js', import.meta.url);
const logger = createLogger({ app: 'test', level: 'fatal', format: 'json' });
const HOUR_MS = 3_600_000;
const policy = {
  defaultHours: 12,
  hoursByTask: { transcription: 24, vod_processing: 48 },
  undoHours: 168,
};

const ends: (() => Promise<unknown>)[] = [];
let log: TaskLog;
let database: Database;
let tables: CleanupQueries;
let tempDir: string;
let cleanup: Cleanup;

beforeAll(async () => {
  const [nats, postgres] = await Promise.all([startTestNats(), shareTestPostgres()]);
  const databaseUrl = await postgres.freshDatabase();
  log = await openTestLog(nats.url);
  database = openDatabase(databaseUrl);
  tables = new CleanupQueries(database);
  for (const queue of ['films', 'bulk']) await log.provisionQueue(queue, 'test');
  const settings = { retention_hours: 1 };
  await log.buckets.queues.put('bulk', { name: 'bulk', defined_by: 'test', settings });
  const projector = spawnApp(PROJECTOR, { NATS_URL: nats.url, DATABASE_URL: databaseUrl });
  ends.push(
    () => log.close(),
    () => database.close(),
    () => projector.kill(),
    nats.stop,
    postgres.stop,
  );
  await projector.line('Projecting the log');
}, 60_000);

beforeEach(async () => {
  tempDir = await mkdtemp(join(tmpdir(), 'millrace-temp-'));
  cleanup = aCleanup();
});
afterEach(() => rm(tempDir, { recursive: true, force: true }));

afterAll(async () => {
  for (const end of ends) await end();
});

const aCleanup = (): Cleanup =>
  new Cleanup({ log, tables, sweep: new SweepQueries(database), logger, policy, tempDir });
const request = (part: Partial<CleanupRequest> = {}): CleanupRequest => ({
  dry_run: false,
  actor: 'api:test',
  ...part,
});

interface Life {
  queue?: string;
  name?: string;
  end: 'succeeded' | 'failed' | 'cancelled' | 'purged';
  hoursAgo: number;
  hasCheckpoint?: boolean;
}

/** A task that ended a while ago. */
async function ended(id: string, life: Life): Promise<Fact> {
  const { queue = 'films', name = 'render', end, hoursAgo, hasCheckpoint } = life;
  const by = { actor: 'test', now: Date.now() - hoursAgo * HOUR_MS };
  const { spec, parameters } = aSubmission();
  const submit = { type: 'submit', spec: { ...spec, name }, parameters } as const;
  const ref = { queue, task_id: id };
  const change = async (command: Command): Promise<Fact> => (await log.change(ref, command, by)).fact!;
  const ticket = await log.append(ref, 0, decide(submit, NO_TASK, { now: by.now, random: 0 })!, by);
  if (end === 'cancelled') return change({ type: 'cancel' });
  if (end === 'purged') return change({ type: 'cancel', operation: 'op' });
  const { sequence: token } = await change({ type: 'claim', worker: 'w', ticket: ticket.sequence });
  if (hasCheckpoint) await change({ type: 'save-checkpoint', token, state: 1 });
  return end === 'succeeded'
    ? change({ type: 'succeed', token, result: { frames: 7 }, duration_ms: 1 })
    : change({
        type: 'fail',
        token,
        error: { name: 'E', message: 'no disk' },
        retryable: false,
        duration_ms: 1,
      });
}

async function projected(): Promise<void> {
  const sequence = (await log.read.lastOn('tasks.>'))?.sequence ?? 0;
  await waitUntil(async () => (await new TaskQueries(database).projection()).sequence >= sequence);
}

const rowOf = async (id: string): Promise<TaskRow> => (await new TaskQueries(database).get(id))!;
const stateOf = async (id: string): Promise<ExistingTask> => {
  const state = await log.read.task({ task_id: id });
  if (state.phase === 'none') throw new Error(`The log has no ${id}.`);
  return state;
};

/** What is due by the policy, and what is not. */
const DUE: Record<string, Life> = {
  'd-failed': { end: 'failed', hoursAgo: 13, hasCheckpoint: true },
  'd-cancelled': { end: 'cancelled', hoursAgo: 13 },
  'd-purged': { end: 'purged', hoursAgo: 170 },
  'd-transcription': { name: 'transcription', end: 'failed', hoursAgo: 25 },
  'd-vod': { name: 'vod_processing', end: 'failed', hoursAgo: 49 },
  'd-bulk-failed': { queue: 'bulk', name: 'vod_processing', end: 'failed', hoursAgo: 2 },
  'd-bulk-succeeded': { queue: 'bulk', end: 'succeeded', hoursAgo: 2 },
};
const KEPT: Record<string, Life> = {
  'k-failed': { end: 'failed', hoursAgo: 11 },
  'k-succeeded': { end: 'succeeded', hoursAgo: 9_000 },
  'k-purged': { end: 'purged', hoursAgo: 13 },
  'k-transcription': { name: 'transcription', end: 'failed', hoursAgo: 23 },
  'k-vod': { name: 'vod_processing', end: 'failed', hoursAgo: 47 },
  'k-bulk': { queue: 'bulk', end: 'succeeded', hoursAgo: 0.9 },
};

describe('a clean-up', () => {
  it('by two leaders, while tasks run, takes what the policy says and nothing else, once', async () => {
    for (const [id, life] of Object.entries({ ...DUE, ...KEPT })) await ended(id, life);
    await projected();
    const before = new Map(
      await Promise.all(Object.keys(KEPT).map(async (id) => [id, await rowOf(id)] as const)),
    );

    const dry = await cleanup.run(request({ dry_run: true }));
    expect(dry).toMatchObject({ tasks_cleaned: 7, state_cleaned: 1, errors: [] });
    const { lastSequence } = await log.admin.state();
    expect(await log.read.lastOn('ops.cleanup.done', streams.ops.name)).toBeUndefined();

    let isOver = false;
    const busy = async (): Promise<number> => {
      let tasks = 0;
      for (; !isOver; tasks++) await ended(`live-${tasks}`, { end: 'succeeded', hoursAgo: 0 });
      return tasks;
    };
    const meanwhile = busy();
    const reports = await Promise.all([cleanup.run(request()), aCleanup().run(request())]);
    // The projector may not have seen it yet.
    reports.push(await cleanup.run(request()));
    await projected();
    reports.push(await cleanup.run(request()));
    isOver = true;
    const live = await meanwhile;

    expect(reports.map(({ errors }) => errors)).toEqual([[], [], [], []]);
    expect(reports.reduce((sum, report) => sum + report.tasks_cleaned, 0)).toBe(7);
    expect(reports.slice(2).map(({ tasks_cleaned }) => tasks_cleaned)).toEqual([0, 0]);
    for (const [id, { end, name = 'render' }] of Object.entries(DUE)) {
      const row = await rowOf(id);
      expect(row).toMatchObject({
        phase: 'cleaned',
        name,
        parameters: undefined,
        result: undefined,
        error: null,
      });
      expect(row.status).toBe(
        { succeeded: 'SUCCESS', failed: 'FAILURE', cancelled: 'REVOKED', purged: 'REVOKED' }[end],
      );
      expect(row.cleaned_at).not.toBeNull();
      // What happened stays.
      expect((await new TaskQueries(database).events(id)).at(-1)?.kind).toBe('cleaned');
    }
    for (const [id, row] of before) expect(await rowOf(id)).toEqual(row);
    await projected();
    const [count] = await database.rows<{ tasks: number }>(
      `SELECT count(*) AS tasks FROM tasks WHERE phase = 'succeeded' AND id LIKE 'live-%'`,
    );
    expect(count?.tasks).toBe(live);
    expect((await log.admin.state()).lastSequence).toBe(lastSequence + 7 + 3 * live);
    const notes = await log.read.notes(CLEANUP.noun, CLEANUP.done, new Date(0));
    expect(notes).toHaveLength(4);
    const tellings = notes.map(({ payload }) => cleanupNoteSchema.parse(JSON.parse(payload)));
    expect(
      tellings
        .flatMap(({ by_task }) => Object.values(by_task))
        .flatMap((ends) => Object.values(ends))
        .reduce((sum, tasks) => sum + tasks, 0),
    ).toBe(7);
  }, 60_000);

  it('of part of the tasks leaves the rest alone', async () => {
    await ended('p-one', { end: 'failed', hoursAgo: 13 });
    await ended('p-two', { name: 'upload', end: 'failed', hoursAgo: 13 });
    await ended('p-three', { queue: 'bulk', name: 'upload', end: 'succeeded', hoursAgo: 13 });
    await projected();
    expect(await cleanup.run(request({ task_name: 'upload', queue: 'films' }))).toMatchObject({
      tasks_cleaned: 1,
      by_task: { upload: { FAILURE: 1 } },
    });
    expect((await stateOf('p-one')).phase).toBe('failed');
    expect((await stateOf('p-three')).phase).toBe('succeeded');
    await cleanup.run();
  });

  it('leaves a task alone that was retried before it came', async () => {
    await ended('r', { end: 'failed', hoursAgo: 13 });
    await projected();
    const [row] = await tables.due(dueRules({ ...policy, hoursByQueue: {} }, Date.now()), {}, 1);
    await log.change({ task_id: 'r' }, { type: 'retry' }, { actor: 'test' });
    const options = { log, policy: { ...policy, hoursByQueue: {} }, now: Date.now(), actor: 'test' };
    const cleaner = new Cleaner({ ...options, firstInLog: 1, isDryRun: false });
    expect(row?.id).toBe('r');
    expect(await cleaner.clean(row!)).toBe(false);
    expect((await stateOf('r')).phase).toBe('ready');
  });

  it('reaches tasks whose facts have left the log, and keeps their ids taken', async () => {
    const { sequence } = await ended('gone', { end: 'failed', hoursAgo: 13 });
    const { sequence: next } = await ended('stays', { end: 'succeeded', hoursAgo: 0 });
    await projected();
    await log.admin.purgeBelow(next - 2);
    expect(await log.read.factAt(sequence)).toBeUndefined();
    expect(await cleanup.run()).toMatchObject({ tasks_cleaned: 1, errors: [] });
    expect(await stateOf('gone')).toMatchObject({
      phase: 'cleaned',
      status: 'FAILURE',
      spec: { name: 'render' },
    });
    await projected();
    expect(await rowOf('gone')).toMatchObject({
      phase: 'cleaned',
      worker: 'w',
      parameters: undefined,
      error: null,
    });
    expect(await cleanup.run()).toMatchObject({ tasks_cleaned: 0 });
    await expect(ended('gone', { end: 'failed', hoursAgo: 0 })).rejects.toThrow(ConcurrencyError);
  });

  it('goes on past a task that it cannot write', async () => {
    await ended('e-bad', { end: 'failed', hoursAgo: 14 });
    await ended('e-good', { end: 'failed', hoursAgo: 13 });
    await projected();
    await database.rows(`UPDATE tasks SET correlation_id = repeat('x', 2000000) WHERE id = 'e-bad'`);
    const report = await cleanup.run();
    expect(report).toMatchObject({ tasks_cleaned: 1, is_complete: false });
    expect(report.errors).toEqual([{ task_id: 'e-bad', detail: expect.stringContaining('bytes') }]);
    await database.rows(`UPDATE tasks SET correlation_id = NULL WHERE id = 'e-bad'`);
    await projected();
    expect(await cleanup.run()).toMatchObject({ tasks_cleaned: 1, errors: [] });
  });
});

describe('the temporary files of a task', () => {
  it('go when it is cleaned up, or when it has succeeded and its worker has left them', async () => {
    await ended('f-old', { end: 'failed', hoursAgo: 13 });
    await ended('f-young', { end: 'failed', hoursAgo: 1 });
    await ended('f-done', { end: 'succeeded', hoursAgo: 0 });
    for (const id of ['f-old', 'f-young', 'f-done', 'f-unknown', 'no task of ours']) {
      await mkdir(join(tempDir, id, 'deep'), { recursive: true });
      await writeFile(join(tempDir, id, 'one'), '');
      await writeFile(join(tempDir, id, 'deep', 'two'), '');
    }
    await projected();
    expect(await cleanup.run(request({ dry_run: true }))).toMatchObject({
      tasks_cleaned: 1,
      temp_files_cleaned: 4,
    });
    expect(await readdir(tempDir)).toHaveLength(5);
    expect(await cleanup.run()).toMatchObject({ tasks_cleaned: 1, temp_files_cleaned: 4, errors: [] });
    expect((await readdir(tempDir)).sort()).toEqual(['f-unknown', 'f-young', 'no task of ours']);
  });
});
