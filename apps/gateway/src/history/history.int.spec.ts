import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SearchIndexer } from '@millrace/read-model';
import type { Problem } from '../http/problem.js';
import type { TaskEvents, TaskList } from '../tasks/task-view.schema.js';
import { archive } from '../testing/archiver.js';
import { ADMIN_KEY } from '../testing/gateway-client.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';
import type { FailureList, TaskAttemptList } from './history.schema.js';

let gateway: ArchivingGateway;
const ids: string[] = [];

beforeAll(async () => {
  gateway = await startArchivingGateway();
  const { client, driver, log, databaseUrl } = gateway;
  for (const film of [1, 2, 3])
    ids.push(
      await client.submit({ task_name: 'work', parameters: { customer: 40 + film, film: `f-${film}` } }),
    );
  const [a, b, c] = ids as [string, string, string];
  await driver.start(a);
  await driver.fail(a, 'Cannot open /films/1.mov', true);
  await driver.due(a);
  await driver.succeed(a, { frames: 17 });
  await driver.start(b);
  await driver.fail(b, 'Cannot open /films/2.mov', true);
  await driver.due(b);
  await driver.fail(b, 'Cannot open /films/2.mov');
  await driver.start(c);
  await driver.fail(c, 'not a film', false, 'TypeError');
  await archive(log, databaseUrl);
}, 60_000);

afterAll(() => gateway.stop());

const listed = async (query: Record<string, string>): Promise<string[]> => {
  const { body } = await gateway.client.call<TaskList>(`GET /tasks?${new URLSearchParams(query).toString()}`);
  return body.items.map(({ task_id }) => task_id);
};

const failures = async (query = ''): Promise<FailureList> =>
  (await gateway.client.call<FailureList>(`GET /failures${query}`)).body;

/** The lines of an export. */
const lines = async (path: string): Promise<{ type: string | null; items: Record<string, unknown>[] }> => {
  const response = await fetch(`${gateway.client.url}/api/v1${path}`, {
    headers: { 'x-api-key': ADMIN_KEY },
  });
  const text = await response.text();
  const items = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { type: response.headers.get('content-type'), items };
};

describe('a search', () => {
  it('finds tasks by words and by JSON, whether they are in the index or not', async () => {
    const indexer = await SearchIndexer.open(gateway.databaseUrl);
    for (const _ of ['before', 'after']) {
      expect(await listed({ parameters: '{"customer":42}' })).toEqual([ids[1]]);
      expect(await listed({ result: '{"frames":17}', q: 'f-1' })).toEqual([ids[0]]);
      expect(await listed({ q: '"cannot open"' })).toEqual([ids[1]]);
      expect(await listed({ error: 'TypeError' })).toEqual([ids[2]]);
      await indexer.next(100);
    }
    await indexer.close();
  });

  it('refuses what is no JSON, or none that can be found', async () => {
    for (const parameters of ['{', '"\\u0000"'])
      expect(
        await gateway.client.call<Problem>(`GET /tasks?parameters=${encodeURIComponent(parameters)}`),
      ).toMatchObject({ status: 400, body: { errors: [{ path: 'parameters' }] } });
  });
});

describe('what fails', () => {
  it('is told by kind, retried attempts too, the last one first', async () => {
    const { items, next_cursor } = await failures();
    expect(items).toMatchObject([
      { error: 'TypeError', task_name: 'work', count: 1, open: 1, task_ids: [ids[2]] },
      { error: 'Error', message: 'Cannot open /films/2.mov', count: 3, open: 1, task_ids: [ids[1], ids[0]] },
    ]);
    expect(next_cursor).toBeNull();
    const fingerprint = items[1]?.fingerprint ?? '';
    expect(await listed({ fingerprint })).toEqual([ids[1], ids[0]]);
    expect(await listed({ fingerprint, sort: 'submitted_at' })).toEqual([ids[0], ids[1]]);
    expect(await listed({ fingerprint, sort: '-updated_at' })).toEqual([ids[1], ids[0]]);
    expect(await listed({ fingerprint, status: 'SUCCESS' })).toEqual([ids[0]]);
    expect(await listed({ fingerprint, submitted_before: '2020-01-01T00:00:00Z' })).toEqual([]);
    expect(await listed({ fingerprint: fingerprint.replaceAll(/./g, '0') })).toEqual([]);
    const page = (cursor = ''): Promise<{ body: TaskList }> =>
      gateway.client.call<TaskList>(`GET /tasks?limit=1&fingerprint=${fingerprint}${cursor}`);
    const first = (await page()).body;
    const second = (await page(`&cursor=${first.next_cursor}`)).body;
    expect([first, second].flatMap(({ items }) => items).map(({ task_id }) => task_id)).toEqual([
      ids[1],
      ids[0],
    ]);
    expect(second.next_cursor).toBeNull();
  });

  it('comes in pages, and is narrowed', async () => {
    const first = await failures('?limit=1');
    const second = await failures(`?limit=1&cursor=${first.next_cursor}`);
    expect([first, second].map(({ items }) => items[0]?.error)).toEqual(['TypeError', 'Error']);
    expect(second.next_cursor).toBeNull();
    expect((await failures('?queue=default&task_name=work')).items).toHaveLength(2);
    expect((await failures('?since=3026-01-01T00:00:00Z')).items).toEqual([]);
  });
});

describe('the attempts at a task', () => {
  it('are told one by one', async () => {
    const { body } = await gateway.client.call<TaskAttemptList>(`GET /tasks/${ids[0]}/attempts`);
    expect(body.items).toMatchObject([
      { attempt: 1, worker: 'worker-1', outcome: 'failed', error: { name: 'Error' }, resumed_from: null },
      { attempt: 2, outcome: 'succeeded', error: null },
    ]);
  });
});

describe('an export', () => {
  it('has a line for each fact of a task, as the log has it', async () => {
    const { type, items } = await lines(`/tasks/${ids[0]}/export`);
    const { body } = await gateway.client.call<TaskEvents>(`GET /tasks/${ids[0]}/events`);
    expect(type).toContain('application/x-ndjson');
    expect(items.map(({ sequence, kind, data }) => ({ sequence, kind, data }))).toEqual(
      body.items.map(({ sequence, kind, data }) => ({ sequence, kind, data })),
    );
    expect(items[0]).toMatchObject({ task_id: ids[0], queue: 'default', prev: 0, actor: expect.any(String) });
  });

  it('has a line for each fact of a span of time, in the order of the log', async () => {
    const { items } = await lines('/export/events?from=2000-01-01T00:00:00Z');
    const sequences = items.map(({ sequence }) => sequence as number);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(new Set(items.map(({ task_id }) => task_id))).toEqual(new Set(ids));
    expect((await lines('/export/events?from=2000-01-01T00:00:00Z&task_name=none')).items).toEqual([]);
    expect((await lines('/export/events?from=3000-01-01T00:00:00Z')).items).toEqual([]);
    const [some] = (await lines('/export/events?from=2000-01-01T00:00:00Z&queue=default&task_name=work'))
      .items;
    expect(some).toMatchObject({ id: expect.any(String), kind: 'p5', data: { reason: 'submitted' } });
  });
});
