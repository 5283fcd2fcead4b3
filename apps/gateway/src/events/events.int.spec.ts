import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import type { CreatedKey } from '../keys/keys.schema.js';
import type { TaskEvents } from '../tasks/task-view.schema.js';
import { archive } from '../testing/archiver.js';
import { EventSource } from '../testing/event-source.js';
import { ADMIN_KEY, GatewayClient } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';

let gateway: ArchivingGateway;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;
/** Takes one stream only, and its archive has never been written to. */
let small: GatewayClient;
const open = new Set<EventSource>();

beforeAll(async () => {
  gateway = await startArchivingGateway({
    handlers: [
      { name: 'work', queue: 'default' },
      { name: 'film', queue: 'films' },
      { name: 'cut', queue: 'films' },
    ],
  });
  ({ log, driver, client } = gateway);
  small = await GatewayClient.start(gateway.nats.url, {
    DATABASE_URL: await gateway.freshArchive(),
    MILLRACE_STREAMS_AT_MOST: '1',
  });
}, 60_000);

afterEach(() => {
  for (const source of open) source.close();
  open.clear();
});

afterAll(async () => {
  await small.stop();
  await gateway.stop();
});

async function listen(path: string, lastEventId?: number, url = client.url): Promise<EventSource> {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
  const source = await EventSource.open(`${url}/api/v1${path}`, headers);
  open.add(source);
  return source;
}

async function historyOf(taskId: string): Promise<TaskEvents['items']> {
  return (await client.call<TaskEvents>(`GET /tasks/${taskId}/events`)).body.items;
}

/** A task from its submission to its end, in seven events. */
async function finishedTask(body: Record<string, unknown> = { task_name: 'work' }): Promise<string> {
  const taskId = await client.submit(body);
  await driver.start(taskId);
  for (let step = 1; step <= 4; step++) await driver.step(taskId, `step ${step}`, step);
  await driver.succeed(taskId, 'done');
  return taskId;
}

const lastSequence = async (): Promise<number> => (await log.admin.state()).lastSequence;

describe('the stream of a task', () => {
  it('tells its whole history and then what happens, as GET events does', async () => {
    const taskId = await client.submit({ task_name: 'work' });
    await driver.start(taskId);
    const source = await listen(`/tasks/${taskId}/events/stream`);
    expect(source.status).toBe(200);
    expect(source.headers.get('content-type')).toBe('text/event-stream');
    expect(source.headers.get('cache-control')).toBe('no-store');
    expect(source.headers.get('x-accel-buffering')).toBe('no');
    await source.named('started');
    await driver.report(taskId, { percent: 50 });
    const { sequence } = await driver.succeed(taskId, 'done');
    await source.reached(sequence);
    const history = await historyOf(taskId);
    expect(source.events.map(({ data }) => data)).toEqual(
      history.map((item) => ({ ...item, task_id: taskId, queue: 'default' })),
    );
    expect(source.names).toEqual(history.map(({ kind }) => kind));
    expect(source.hasEnded).toBe(false);
  });

  it('ends with the task when it is asked to', async () => {
    const taskId = await client.submit({ task_name: 'work' });
    const source = await listen(`/tasks/${taskId}/events/stream?until=end`);
    await source.named('p5');
    await driver.start(taskId);
    await driver.fail(taskId, 'broken');
    await source.ended();
    expect(source.names).toEqual(['p5', 'started', 'failed', 'end']);
    expect(source.events.at(-1)?.data).toEqual({ task_id: taskId, status: 'FAILURE' });
    const again = await listen(`/tasks/${taskId}/events/stream?until=end`, source.lastEventId);
    await again.ended();
    expect(again.names).toEqual(['end']);
  });

  it('goes on after Last-Event-ID, in the header or in the URL', async () => {
    const taskId = await finishedTask();
    const ids = (await historyOf(taskId)).map(({ sequence }) => sequence);
    const path = `/tasks/${taskId}/events/stream?until=end`;
    const [byHeader, byUrl, newer] = await Promise.all([
      listen(path, ids[3]),
      listen(`${path}&last_event_id=${ids[3]}`),
      listen(`${path}&last_event_id=${ids[3]}`, ids[5]),
    ]);
    await Promise.all([byHeader.ended(), byUrl.ended(), newer.ended()]);
    expect(byHeader.ids).toEqual(ids.slice(4));
    expect(byUrl.ids).toEqual(ids.slice(4));
    expect(newer.ids).toEqual(ids.slice(6));
  });

  it('is refused for no task, and for what is no id', async () => {
    expect(await client.call<Problem>('GET /tasks/nobody/events/stream')).toMatchObject({
      status: 404,
      body: { code: 'task/not-found' },
    });
    expect(
      await client.call<Problem>('GET /events/stream', { headers: { 'last-event-id': 'x' } }),
    ).toMatchObject({ status: 400, body: { errors: [{ path: 'Last-Event-ID' }] } });
    expect((await client.call('GET /events/stream', { key: 'wrong' })).status).toBe(401);
  });

  it('shows live progress to who asks for it', async () => {
    const taskId = await client.submit({ task_name: 'film' });
    const [without, own, ofFilms, ofOthers] = await Promise.all([
      listen(`/tasks/${taskId}/events/stream`),
      listen(`/tasks/${taskId}/events/stream?progress=true`),
      listen('/events/stream?task_name=film&progress=true'),
      listen('/events/stream?queue=default&progress=true'),
    ]);
    const ref = { queue: 'films', task_id: taskId };
    const at = new Date().toISOString();
    const report = { token: 1, attempt: 2, at, progress: { percent: 30 } };
    // Whether a follower is there already nobody tells: it is sent until it was heard.
    await waitUntil(() => {
      log.reportProgress(ref, 'no report');
      log.reportProgress(ref, JSON.stringify(report));
      return own.names.includes('progress') && ofFilms.names.includes('progress');
    });
    for (const source of [own, ofFilms])
      expect(await source.named('progress')).toEqual({
        id: undefined,
        event: 'progress',
        data: {
          sequence: null,
          kind: 'progress',
          at,
          attempt: 2,
          actor: null,
          data: { progress: { percent: 30 } },
          task_id: taskId,
          queue: 'films',
        },
      });
    expect([...without.names, ...ofOthers.names]).toEqual(['p5']);
  });
});

describe('the guide', () => {
  it('follows a task by its code, over a connection that breaks', async () => {
    const guide = await readFile(new URL('../../../../docs/guides/live-events.md', import.meta.url), 'utf8');
    const code = /```js\n([^`]*(?:`[^`]+`[^`]*)*)```/.exec(guide)?.[1] ?? '';
    const { follow } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
      follow: (url: string, key: string, onEvent: (event: string) => boolean) => Promise<void>;
    };
    const taskId = await client.submit({ task_name: 'work' });
    const line = await breakableLine(Number(new URL(client.url).port));
    const events: string[] = [];
    const following = follow(
      `http://127.0.0.1:${line.port}/api/v1/tasks/${taskId}/events/stream`,
      ADMIN_KEY,
      (event) => events.push(event) < 3,
    );
    await waitUntil(() => events.length === 1);
    line.cut();
    await driver.start(taskId);
    await driver.succeed(taskId, 1);
    await following;
    line.cut();
    line.server.close();
    expect(events).toEqual(['p5', 'started', 'succeeded']);
  });
});

/** A way to a port that can be cut; whoever connects again gets through. */
async function breakableLine(to: number) {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1');
    for (const socket of [near, far]) sockets.add(socket.on('error', () => undefined));
    near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return { server, cut, port: (server.address() as AddressInfo).port };
}

describe('the stream of all events', () => {
  it('begins now, and takes filters', async () => {
    const before = await finishedTask();
    const [all, films, ends, cuts] = await Promise.all([
      listen('/events/stream'),
      listen('/events/stream?queue=films'),
      listen('/events/stream?kind=succeeded,failed'),
      listen('/events/stream?task_name=cut'),
    ]);
    const work = await finishedTask();
    const film = await finishedTask({ task_name: 'film' });
    const cut = await finishedTask({ task_name: 'cut' });
    const last = await lastSequence();
    await Promise.all([all, films, ends, cuts].map((source) => source.reached(last)));
    const tasksOf = (source: EventSource) => [...new Set(source.events.map(({ data }) => data.task_id))];
    expect(tasksOf(all)).toEqual([work, film, cut]);
    expect(tasksOf(films)).toEqual([film, cut]);
    expect(tasksOf(ends)).toEqual([work, film, cut]);
    expect(ends.names).toEqual(['succeeded', 'succeeded', 'succeeded']);
    expect(tasksOf(cuts)).toEqual([cut]);
    expect(cuts.events).toHaveLength(7);
    const [again, named] = await Promise.all([
      listen('/events/stream', (await historyOf(before)).at(-1)?.sequence),
      listen('/events/stream?task_name=cut&kind=step', 0),
    ]);
    await Promise.all([again.reached(last), named.reached(cuts.ids[5] ?? 0)]);
    expect(again.ids).toEqual(all.ids);
    expect(named.ids).toEqual(cuts.ids.slice(2, 6));
  });

  it('hands over from what was missed to what is live without a gap, while others write', async () => {
    const enough = new AbortController();
    const writing = (async () => {
      while (!enough.signal.aborted) await finishedTask();
    })();
    const sources: EventSource[] = [];
    for (let round = 0; round < 8; round++) {
      sources.push(await listen('/events/stream', 0), await listen('/events/stream?queue=default', 0));
      await waitUntil(() => (sources.at(-1)?.events.length ?? 0) > 0);
    }
    enough.abort();
    await writing;
    const last = await lastSequence();
    await Promise.all(sources.map((source) => source.reached(last)));
    const [first] = sources;
    const all = first?.events ?? [];
    const ofQueue = all.filter(({ data }) => data.queue === 'default').map(({ id }) => id);
    expect(new Set(first?.ids).size).toBe(all.length);
    for (const [number, { ids }] of sources.entries())
      expect(ids).toEqual(number % 2 === 0 ? first?.ids : ofQueue);
  });

  it('survives an outage of the log without a gap', async () => {
    const taskId = await client.submit({ task_name: 'work' });
    const [all, one] = await Promise.all([
      listen('/events/stream', await lastSequence()),
      listen(`/tasks/${taskId}/events/stream?until=end&progress=true`),
    ]);
    for (let outage = 0; outage < 2; outage++) {
      await gateway.nats.kill();
      await gateway.nats.restart();
      await waitUntil(() => log.connected);
      await finishedTask();
    }
    await driver.start(taskId);
    const { sequence } = await driver.succeed(taskId, 1);
    await Promise.all([all.reached(sequence), one.ended()]);
    expect(all.events).toHaveLength(16);
    expect(one.names).toEqual(['p5', 'started', 'succeeded', 'end']);
  });
});

/** A stream whose client takes no more than its sockets do. */
async function unread(path: string): Promise<IncomingMessage> {
  const sent = request(`${client.url}/api/v1${path}`, { headers: { 'x-api-key': ADMIN_KEY } }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.pause();
  return response;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  return text;
}

describe('what has left the log', () => {
  it('comes from the archive, and after it what the log has', async () => {
    const start = await lastSequence();
    const old = await finishedTask();
    const film = await finishedTask({ task_name: 'film' });
    const ids = [...(await historyOf(old)), ...(await historyOf(film))].map(({ sequence }) => sequence);
    await archive(log, gateway.databaseUrl);
    await log.admin.purgeBelow(ids.at(-2) ?? 0);
    const [all, middle, films, oldTask, filmTask] = await Promise.all([
      listen('/events/stream', start),
      listen('/events/stream', ids[3]),
      listen('/events/stream?task_name=film', start),
      listen(`/tasks/${old}/events/stream?until=end`),
      listen(`/tasks/${film}/events/stream?until=end`, ids[8]),
    ]);
    await Promise.all([all, middle, films].map((source) => source.reached(ids.at(-1) ?? 0)));
    await Promise.all([oldTask.ended(), filmTask.ended()]);
    expect(all.ids).toEqual(ids);
    expect(middle.ids).toEqual(ids.slice(4));
    expect(films.ids).toEqual(ids.slice(7));
    expect(oldTask.ids).toEqual(ids.slice(0, 7));
    expect(filmTask.ids).toEqual(ids.slice(9));
    expect(filmTask.names.at(-1)).toBe('end');
  });

  it('and is in the archive no more is told as a gap', async () => {
    const start = await lastSequence();
    const lost = await finishedTask();
    const kept = await finishedTask();
    const [first] = await historyOf(kept);
    await log.admin.purgeBelow(first?.sequence ?? 0);
    const source = await listen('/events/stream', start, small.url);
    await source.reached(await lastSequence());
    expect(source.events[0]).toMatchObject({
      event: 'gap',
      data: { after: start, before: first?.sequence },
    });
    expect(source.events.filter(({ data }) => data.task_id === lost)).toEqual([]);
    expect(source.ids).toHaveLength(7);
  });

  it('because the log went back is told, too', async () => {
    const last = await lastSequence();
    const source = await listen('/events/stream', last + 1_000);
    expect(await source.named('gap')).toMatchObject({ data: { after: last + 1_000, before: null } });
    await finishedTask();
    await source.named('succeeded');
  });
});

describe('a client that does not read', () => {
  it('is ended, and goes on where it was', async () => {
    const start = await lastSequence();
    const response = await unread(`/events/stream?last_event_id=${start}`);
    const parameters = { text: 'x'.repeat(400_000) };
    const tasks: string[] = [];
    for (let task = 0; task < 60; task++) tasks.push(await client.submit({ task_name: 'work', parameters }));
    const last = await lastSequence();
    const text = await textOf(response);
    const read = [...text.matchAll(/^id: (\d+)\nevent: p5/gm)].map(([, id]) => Number(id));
    expect(read.length).toBeLessThan(tasks.length);
    expect(text).toMatch(/event: overflow\ndata: \{"resume_after":\d+,"detail":"[^"]+"\}\n\n$/);
    const source = await listen('/events/stream', read.at(-1));
    await source.reached(last);
    expect([...read, ...source.ids]).toHaveLength(tasks.length);
  });
});

describe('a stream of events', () => {
  const reader = async (name: string): Promise<{ id: string; source: EventSource }> => {
    const { body } = await client.call<CreatedKey>('POST /keys', { body: { name, role: 'viewer' } });
    const source = await EventSource.open(`${client.url}/api/v1/events/stream`, { 'x-api-key': body.key });
    open.add(source);
    return { id: body.id, source };
  };

  it('ends when its key is deleted, at whichever gateway, or given another role', async () => {
    const [deleted, promoted, other] = [
      await reader('deleted'),
      await reader('promoted'),
      await reader('other'),
    ];
    const caller = await listen('/events/stream');
    expect((await small.call(`DELETE /keys/${deleted.id}`)).status).toBe(204);
    await deleted.source.ended();
    const kept = await log.buckets.keys.entries();
    const { key, value } = kept.find((entry) => entry.key.startsWith(promoted.id))!;
    await log.buckets.keys.put(key, { ...value, role: 'operator' });
    await promoted.source.ended();
    await finishedTask();
    await Promise.all([other.source.named('succeeded'), caller.named('succeeded')]);
    expect([other.source.hasEnded, caller.hasEnded]).toEqual([false, false]);
  });
});

describe('a gateway', () => {
  const admitted = async (): Promise<EventSource | false> => {
    const source = await listen('/events/stream', undefined, small.url);
    return source.status === 200 && source;
  };

  it('takes no more streams than it was told, and ends them when it stops', async () => {
    const source = await waitUntil(() => admitted());
    const refused = await small.call<Problem>('GET /events/stream');
    expect(refused).toMatchObject({ status: 503, body: { code: 'events/too-many-streams' } });
    expect(refused.headers.get('retry-after')).toBe('10');
    source.close();
    const next = await waitUntil(() => admitted());
    expect(await small.stop()).toBe(0);
    await next.ended();
  });
});
