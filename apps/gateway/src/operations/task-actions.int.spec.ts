import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { streams } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import { archive } from '../testing/archiver.js';
import { GatewayClient } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';
import type { TaskActionDone } from './task-actions.schema.js';
import type { TaskList, TaskView } from '../tasks/task-view.schema.js';

let gateway: ArchivingGateway;
let databaseUrl: string;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;
/** A tag of the test's own. */
let tag: string;
let tags = 0;
type Note = Record<string, unknown> & { verb: string };
const notes: Note[] = [];

beforeAll(async () => {
  gateway = await startArchivingGateway();
  ({ log, driver, client, databaseUrl } = gateway);
  log.follow({
    stream: streams.ops.name,
    from: 1,
    filters: ['ops.tasks.*'],
    onMessages: (messages) => {
      for (const { subject, payload } of messages)
        notes.push({ ...(JSON.parse(payload) as object), verb: subject.split('.').at(-1) ?? '' });
    },
  });
}, 60_000);

beforeEach(() => {
  tag = `tag-${++tags}`;
});

afterAll(() => gateway.stop());

const submit = (more: Record<string, unknown> = {}): Promise<string> =>
  client.submit({ task_name: 'work', tags: [tag], ...more });

async function failed(name = 'TypeError', message = 'broken'): Promise<string> {
  const id = await submit();
  await driver.start(id);
  await driver.fail(id, message, false, name);
  return id;
}

const act = (body: object, options: { signal?: AbortSignal; key?: string } = {}) =>
  client.call<TaskActionDone & Problem>('POST /tasks/actions', { body, ...options });

const projected = (): Promise<void> => archive(log, databaseUrl);
const phaseOf = async (taskId: string): Promise<string> => (await log.read.task({ task_id: taskId })).phase;
const phasesOf = (ids: string[]): Promise<string[]> => Promise.all(ids.map(phaseOf));
/** The note that ends an operation comes last. */
async function notesOf(operationId: string | null): Promise<Note[]> {
  const ofOperation = (): Note[] => notes.filter(({ operation_id }) => operation_id === operationId);
  await waitUntil(() => ofOperation().some(({ verb }) => verb === 'ended'));
  return ofOperation();
}
const begunWith = (tag: string): Note | undefined =>
  notes.find(({ filter }) => (filter as { tag?: string } | undefined)?.tag === tag);

describe('an action on many tasks', () => {
  it('retries what the filter finds and nothing else, and is told of', async () => {
    const ours = [await failed(), await failed()];
    const others = [await failed('DiskError'), await submit()];
    await projected();
    const { status, body } = await act({ action: 'retry', filter: { tag, error: 'TypeError' } });
    expect(status).toBe(200);
    expect(body).toEqual({
      operation_id: expect.any(String) as unknown,
      matched: 2,
      done: 2,
      refused: [],
      refused_count: 0,
      has_more: false,
      stopped: null,
    });
    expect(await phasesOf([...ours, ...others])).toEqual(['ready', 'ready', 'failed', 'ready']);
    const [begun, did, ended, ...more] = await notesOf(body.operation_id);
    expect(begun).toMatchObject({
      verb: 'begun',
      actor: 'api:admin',
      action: 'retry',
      filter: { tag, error: 'TypeError' },
    });
    expect(did).toMatchObject({ verb: 'done', part: 1, actor: 'api:admin', task_ids: ours });
    expect(ended).toMatchObject({ status: 'done', matched: 2, done: 2, refused: 0, has_more: false });
    expect(more).toEqual([]);
  });

  it('decides on the log, where the status is looked at again', async () => {
    const stays = await failed();
    const moved = await failed();
    await projected();
    await client.call(`POST /tasks/${moved}/retry`);
    const { body } = await act({ action: 'retry', filter: { tag } });
    expect(body).toMatchObject({
      matched: 2,
      done: 1,
      refused: [{ task_id: moved, detail: 'The task is PENDING by now; the filter asks for FAILURE.' }],
    });
    expect(await phaseOf(stays)).toBe('ready');
  });

  it('pauses, resumes and cancels', async () => {
    const ids = [await submit(), await submit({ delay_seconds: 3600 })];
    await projected();
    expect((await act({ action: 'pause', filter: { tag } })).body).toMatchObject({ done: 2 });
    expect(await phasesOf(ids)).toEqual(['paused', 'paused']);
    await projected();
    expect((await act({ action: 'resume', filter: { tag } })).body).toMatchObject({ done: 2 });
    expect(await phasesOf(ids)).toEqual(['ready', 'scheduled']);
    await projected();
    expect((await act({ action: 'cancel', filter: { tag } })).body).toMatchObject({ done: 2 });
    expect(await phasesOf(ids)).toEqual(['cancelled', 'cancelled']);
  });

  it('changes priorities, and moves what waits for its turn or its time to the front in the order of its submission', async () => {
    const ids = [await submit(), await submit(), await submit({ delay_seconds: 3600 })];
    await projected();
    const changed = await act({ action: 'priority', priority: 2, filter: { tag } });
    expect(changed.body).toMatchObject({ matched: 3, done: 3 });
    await projected();
    expect((await act({ action: 'move-to-front', filter: { tag } })).body).toMatchObject({
      matched: 3,
      done: 3,
    });
    const states = await Promise.all(ids.map((task_id) => log.read.task({ task_id })));
    expect(states).toMatchObject([
      { phase: 'ready', lane: 'front', spec: { priority: 2 } },
      { phase: 'ready', lane: 'front', spec: { priority: 2 } },
      { phase: 'ready', lane: 'front', spec: { priority: 2 } },
    ]);
    const [first, second] = states as { sequence: number }[];
    expect(first!.sequence).toBeLessThan(second!.sequence);
  });

  it('keeps long parameters, which a row does not show', async () => {
    const parameters = { text: 'x'.repeat(20_000) };
    const id = await submit({ parameters });
    await projected();
    expect((await act({ action: 'priority', priority: 9, filter: { tag } })).body).toMatchObject({ done: 1 });
    const state = await log.read.task({ task_id: id });
    expect(state).toMatchObject({ phase: 'ready', lane: 'p9' });
    expect(state.phase !== 'none' && (await log.read.parametersOf(state))).toEqual(parameters);
  });

  it('answers for each task as the single command does', async () => {
    const id = await submit();
    await projected();
    const single = await client.call<Problem>(`POST /tasks/${id}/retry`);
    const { body } = await act({ action: 'retry', filter: { tag, status: 'PENDING' } });
    expect(body).toMatchObject({
      matched: 1,
      done: 0,
      refused: [{ task_id: id, detail: single.body.detail }],
    });
  });

  it('only looks when it is a dry run', async () => {
    const ids = [await failed(), await submit()];
    await projected();
    const { lastSequence } = await log.admin.state();
    const filter = { tag, status: ['FAILURE', 'PENDING'] };
    const { body } = await act({ action: 'retry', filter, dry_run: true });
    expect(body).toMatchObject({ matched: 2, done: 0, refused: [{ task_id: ids[1] }] });
    expect((await log.admin.state()).lastSequence).toBe(lastSequence);
    expect(body.operation_id).toBeNull();
    expect(begunWith(tag)).toBeUndefined();
  });

  it('goes through page after page, at the rate that is asked for', async () => {
    const ids = await Promise.all(Array.from({ length: 600 }, () => submit()));
    await projected();
    const few = await act({ action: 'cancel', filter: { tag }, limit: 30, rate_per_second: 50 });
    expect(few.body).toMatchObject({ matched: 30, done: 30, has_more: true });
    const began = performance.now();
    const { body } = await act({ action: 'cancel', filter: { tag }, rate_per_second: 400 });
    // The read model has not seen the first thirty yet.
    expect(body).toMatchObject({ matched: 600, done: 570, refused_count: 30, has_more: false });
    expect(performance.now() - began).toBeGreaterThan(1_400);
    expect(new Set(await phasesOf(ids))).toEqual(new Set(['cancelled']));
  }, 60_000);

  it('begins nothing more when the client goes away', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, () => submit()));
    await projected();
    const gone = new AbortController();
    const acting = act({ action: 'cancel', filter: { tag }, rate_per_second: 10 }, { signal: gone.signal });
    await waitUntil(async () => (await phasesOf(ids)).filter((phase) => phase === 'cancelled').length >= 3);
    gone.abort();
    await expect(acting).rejects.toThrow();
    const { operation_id } = await waitUntil(() => begunWith(tag));
    const note = (await notesOf(String(operation_id))).at(-1)!;
    expect(note).toMatchObject({ verb: 'ended', status: 'stopped', has_more: true });
    const phases = await phasesOf(ids);
    expect(phases.filter((phase) => phase === 'cancelled')).toHaveLength(Number(note.done));
    expect(note.done).toBeLessThan(20);
  });

  it('asks for a filter that names something, and for an operator', async () => {
    const { lastSequence } = await log.admin.state();
    for (const body of [
      { action: 'cancel' },
      { action: 'cancel', filter: {} },
      { action: 'cancel', filter: { tagg: tag } },
      { action: 'delete', filter: { tag } },
      { action: 'retry', filter: { tag, status: 'FAILED' } },
      { action: 'priority', filter: { tag } },
      { action: 'cancel', filter: { tag }, priority: 3 },
      { action: 'cancel', filter: { tag }, dry_run: true, background: true },
    ])
      expect(await act(body)).toMatchObject({ status: 400, body: { code: 'request/invalid' } });
    const made = await client.call<{ key: string }>('POST /keys', { body: { name: 'eve', role: 'viewer' } });
    expect(await act({ action: 'cancel', filter: { tag } }, { key: made.body.key })).toMatchObject({
      status: 403,
    });
    expect((await log.admin.state()).lastSequence).toBe(lastSequence);
  });
});

describe('a dead letter', () => {
  const list = async (query: string): Promise<string[]> =>
    (await client.call<TaskList>(`GET /tasks?tag=${tag}&${query}`)).body.items.map(({ task_id }) => task_id);

  it('is listed by its status, the class of its error, and why it failed', async () => {
    const type = await failed('TypeError', 'a \u0000 in the middle');
    const disk = await failed('Disk"Error%');
    await submit();
    await projected();
    expect((await list('status=FAILURE')).sort()).toEqual([type, disk].sort());
    expect(await list('error=TypeError')).toEqual([type]);
    expect(await list('error=TypeErr')).toEqual([]);
    expect(await list(`error=${encodeURIComponent('Disk"Error%')}`)).toEqual([disk]);
    expect((await list('reason=not_retryable')).sort()).toEqual([type, disk].sort());
    expect(await list('reason=worker_lost')).toEqual([]);
  });

  it('shows its error with the stack, why it failed, and how every attempt went', async () => {
    const id = await submit({ retry: { max_retries: 1, delay_seconds: 0, jitter: false } });
    await driver.start(id);
    await driver.fail(id, 'no disk', true, 'DiskError');
    await driver.due(id);
    await driver.fail(id, 'still no disk', true, 'DiskError');
    const { body } = await client.call<TaskView>(`GET /tasks/${id}`);
    const error = (message: string) => ({
      name: 'DiskError',
      message,
      stack: expect.stringContaining('at work') as unknown,
    });
    expect(body).toMatchObject({
      status: 'FAILURE',
      reason: 'retries_spent',
      error: error('still no disk'),
      attempts: [
        { attempt: 1, outcome: 'failed', worker: 'worker-1', duration_ms: 5, error: error('no disk') },
        { attempt: 2, outcome: 'failed', worker: 'worker-1', duration_ms: 5, error: error('still no disk') },
      ],
    });
  });

  it('that took its workers with it names each of them', async () => {
    const id = await submit();
    await driver.start(id);
    for (const worker of ['worker-2', 'worker-3', 'worker-4']) await driver.takeOver(id, worker);
    const { body } = await client.call<TaskView>(`GET /tasks/${id}`);
    expect(body).toMatchObject({ status: 'FAILURE', reason: 'worker_lost', error: { name: 'WorkerLost' } });
    expect(body.attempts.map(({ worker, outcome }) => [worker, outcome])).toEqual([
      ['worker-1', 'lost'],
      ['worker-2', 'lost'],
      ['worker-3', 'lost'],
    ]);
  });
});

describe('while Postgres is away', () => {
  it('no tasks can be found, and none is touched', async () => {
    const alone = await GatewayClient.start(gateway.nats.url);
    const { lastSequence } = await log.admin.state();
    const answer = await alone.call('POST /tasks/actions', { body: { action: 'cancel', filter: { tag } } });
    expect(answer).toMatchObject({ status: 503, body: { code: 'archive/unavailable' } });
    expect((await log.admin.state()).lastSequence).toBe(lastSequence);
    await alone.stop();
  });
});
