import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NO_TASK, evolve, statusOf } from '@millrace/domain';
import type { ExistingTask, Fact, TaskState, TaskStatus } from '@millrace/domain';
import { findNatsServer } from '@millrace/embedded';
import { spawnApp, waitUntil } from '@millrace/testing';
import type { TestApp } from '@millrace/testing';
import { ApiClient } from './system/api-client.js';
import type { Submission } from './system/api-client.js';
import { freePort } from './system/free-port.js';
import { NATS_CACHE_DIR, appMain } from './system/places.js';
import { SEED_SAMPLES } from './system/seed-samples.js';
import type { SeedSample } from './system/seed-samples.js';

const READY_WITHIN_MS = 120_000;

interface Summary {
  task_id: string;
  status: TaskStatus;
  sequence: number;
}

interface DocumentsResult {
  documents: { path: string }[];
  totals: { documents: number; words: number };
  index: { file: string; documents: number };
}

describe('the first task of a newcomer', () => {
  let dataDir: string;
  let standalone: TestApp;
  let api: ApiClient;
  let pasted: Submission;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-first-task-'));
    // The fetch of nats-server has specs of its own: here it is there already.
    const { path } = await findNatsServer({
      cacheDir: NATS_CACHE_DIR,
      explicitPath: process.env.MILLRACE_NATS_SERVER,
    });
    standalone = spawnApp(appMain('standalone'), {
      MILLRACE_DATA_DIR: dataDir,
      MILLRACE_NATS_SERVER: path,
      MILLRACE_NATS_PORT: '0',
      MILLRACE_POSTGRES_PORT: '0',
      PORT: String(await freePort()),
    });
    const curl = await standalone.line('/api/v1/tasks -H', READY_WITHIN_MS);
    const [, url, key, body] = /curl -s (\S+)\/api\/v1\/tasks .*X-API-Key: ([^"]+)".* -d '(.*)'/.exec(curl)!;
    api = new ApiClient(url!, key!);
    pasted = JSON.parse(body!) as Submission;
  }, READY_WITHIN_MS);

  afterAll(async () => {
    await standalone.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  });

  it('goes PENDING, STARTED, PROCESSING, SUCCESS, and all views of it agree', async () => {
    const submitted = await api.submit(pasted);
    expect(submitted).toMatchObject({ status: 202, body: { status: 'PENDING', duplicate: false } });
    const id = submitted.body.task_id;

    const ended = await api.result(id, 60);
    expect(ended).toMatchObject({ status: 200, body: { task_id: id, status: 'SUCCESS', error: null } });
    const result = ended.body.result as DocumentsResult;

    const { items: events } = (await api.events(id)).body;
    expect(statusesIn(events)).toEqual(['PENDING', 'STARTED', 'PROCESSING', 'SUCCESS']);
    expect(events.at(-1)!.data).toMatchObject({ result });

    const status = (await api.call<Summary>('GET', `/api/v1/tasks/${id}/status`)).body;
    expect(status).toMatchObject({ task_id: id, status: 'SUCCESS', task_name: 'document_processing' });
    expect(status.sequence).toBe(events.at(-1)!.sequence);

    const listed = await waitUntil(
      async () =>
        (await api.list('task_name=document_processing')).body.items.find((task) => isDone(task, id)),
      { what: 'the task in the list' },
    );
    expect(listed).toEqual(withoutPlace(status));

    const task = (
      await api.call<Summary & { result: unknown; attempts: unknown[] }>('GET', `/api/v1/tasks/${id}`)
    ).body;
    expect(task).toMatchObject({ ...withoutPlace(status), result, parameters: pasted.parameters });
    expect(task.attempts).toMatchObject([{ attempt: 1, outcome: 'succeeded' }]);
  });

  it('has read the documents of this project', async () => {
    const { body } = await api.submit(pasted);
    const { documents, totals, index } = (await api.result(body.task_id, 60)).body.result as DocumentsResult;
    const paths = documents.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['README.md', 'docs/guides/first-task.md']));
    expect(totals.documents).toBe(documents.length);
    expect(totals.words).toBeGreaterThan(1000);
    expect(JSON.parse(await readFile(index.file, 'utf8'))).toBeDefined();
    expect(index.documents).toBe(documents.length);
  });

  it.each(SEED_SAMPLES)('finds what clients of other systems know: $name', async (seed) => {
    const id = seed.task === undefined ? '' : await taskIn(seed.task, api);
    const [method = '', path = ''] = seed.request.replace('{id}', id).split(' ');
    const { status, body } = await api.call<Record<string, unknown>>(method, path, seed.body);
    expect({ status, ...typesOf(seed.sample, body) }).toEqual({
      status: seed.status,
      ...typesOf(seed.sample, seed.sample),
    });
  });

  it('leaves nothing running when the newcomer presses Ctrl-C', async () => {
    const children = await childrenOf(standalone.pid);
    // The four apps, nats-server and Postgres.
    if (process.platform === 'linux') expect(children.length).toBeGreaterThanOrEqual(6);
    standalone.signal('SIGINT');
    expect(await standalone.exited).toEqual({ code: 0, signal: null });
    await waitUntil(() => children.every(isGone), { what: `the end of ${children.join(', ')}` });
  });
});

/** The id of a new task that is in the state. */
async function taskIn(state: NonNullable<SeedSample['task']>, api: ApiClient): Promise<string> {
  const { body } = await api.submit(SUBMISSIONS[state]);
  const id = body.task_id;
  if (state === 'paused') await api.call('POST', `/api/v1/tasks/${id}/pause`);
  if (state === 'succeeded' || state === 'failed') await api.result(id, 60);
  return id;
}

const hello = (count: number): Submission => ({
  task_name: 'my_simple_task',
  parameters: { message: 'Hello', count },
});

const SUBMISSIONS: Record<NonNullable<SeedSample['task']>, Submission> = {
  paused: { ...hello(1), delay_seconds: 3600 },
  waiting: { ...hello(1), delay_seconds: 3600 },
  running: hello(2),
  succeeded: { task_name: 'calculate_factorial', parameters: { number: 10 } },
  failed: { ...hello(60), retry: { max_retries: 0 }, soft_time_limit: 0.1, time_limit: 1 },
};

/** The types of what a sample has, wherever it stands in it; what a list has is its own affair. */
function typesOf(sample: object, actual: unknown): Record<string, unknown> {
  const found = new Map(Object.entries(actual ?? {})) as Map<string, unknown>;
  return Object.fromEntries(
    Object.entries(sample).map(([key, value]: [string, unknown]) => {
      const other = found.get(key);
      const isNested = typeof value === 'object' && value !== null && !Array.isArray(value);
      return [key, isNested ? typesOf(value, other) : typeOf(other)];
    }),
  );
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** As Linux tells it; nothing elsewhere. */
async function childrenOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return list.split(' ').filter(Boolean).map(Number);
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

/** The states that the events lead through, as the API calls them; the same one twice counts once. */
function statusesIn(events: { kind: string }[]): TaskStatus[] {
  let state: TaskState = NO_TASK;
  const statuses: TaskStatus[] = [];
  for (const event of events) {
    state = evolve(state, event as unknown as Fact);
    const status = statusOf(state as ExistingTask);
    if (statuses.at(-1) !== status) statuses.push(status);
  }
  return statuses;
}

const isDone = (task: { task_id: string; status: TaskStatus }, id: string): boolean =>
  task.task_id === id && task.status === 'SUCCESS';

/** A list shows no place in the queue. */
function withoutPlace(task: object): object {
  return Object.fromEntries(Object.entries(task).filter(([field]) => field !== 'position'));
}
