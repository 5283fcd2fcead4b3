import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Fact } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import { GatewayClient } from '../testing/gateway-client.js';
import type { Answer } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startTestGateway } from '../testing/test-gateway.js';
import type { TestGateway } from '../testing/test-gateway.js';
import type { SubmittedTask, SubmittedTasks } from './submit-task.schema.js';

let gateway: TestGateway;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;

beforeAll(async () => {
  gateway = await startTestGateway({
    handlers: [
      { name: 'anything', queue: 'default' },
      {
        name: 'render',
        queue: 'films',
        priority: 8,
        retry: { max_retries: 1 },
        time_limit: 100,
        parameters: {
          $schema: 'https://json-schema.org/draft/2020-12/schema',
          type: 'object',
          properties: {
            film: { type: 'string' },
            frames: { type: 'array', items: { type: 'integer', minimum: 0 } },
          },
          required: ['film'],
          additionalProperties: false,
        },
      },
    ],
  });
  ({ log, driver, client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const submit = (body: unknown, headers: Record<string, string> = {}): Promise<Answer<SubmittedTask>> =>
  client.call<SubmittedTask>('POST /tasks', { body, headers });

const lastSequence = async (): Promise<number> => (await log.admin.state()).lastSequence;

const factOf = async (sequence: number): Promise<Fact> => {
  const fact = await log.read.factAt(sequence);
  if (!fact) throw new Error(`There is no fact ${sequence}.`);
  return fact;
};

describe('a submission', () => {
  it('is in the log when it is answered', async () => {
    const { status, body, headers } = await submit({ task_name: 'render', parameters: { film: 'a.mov' } });
    expect(status).toBe(202);
    expect(body).toMatchObject({ status: 'PENDING', queue: 'films', priority: 8, duplicate: false });
    expect(headers.get('location')).toBe(`/api/v1/tasks/${body.task_id}`);
    const fact = await factOf(body.sequence);
    expect(fact).toMatchObject({
      kind: 'p8',
      queue: 'films',
      task_id: body.task_id,
      actor: 'api:admin',
      data: {
        reason: 'submitted',
        parameters: { film: 'a.mov' },
        task: {
          name: 'render',
          retry: {
            max_retries: 1,
            delay_seconds: 60,
            backoff_factor: 2,
            max_delay_seconds: 600,
            jitter: true,
          },
          soft_time_limit: 100,
          time_limit: 100,
          submitted_at: body.submitted_at,
        },
      },
    });
  });

  it('takes what it says itself before what its handler says', async () => {
    const { body } = await submit({
      task_name: 'render',
      parameters: { film: 'a.mov' },
      queue: 'default',
      priority: 0,
      retry: { delay_seconds: 1 },
      time_limit: 50,
      soft_time_limit: 40,
      tags: ['nightly'],
      user_id: 'ute',
      concurrency_key: 'ute',
    });
    expect(body).toMatchObject({ queue: 'default', priority: 0 });
    expect((await factOf(body.sequence)).data).toMatchObject({
      task: {
        retry: { max_retries: 1, delay_seconds: 1 },
        soft_time_limit: 40,
        time_limit: 50,
        tags: ['nightly'],
        user_id: 'ute',
        concurrency_key: 'ute',
      },
    });
  });

  it('keeps every key of its parameters, whatever its name', async () => {
    const parameters = { constructor: 'Acme', prototype: 1, toString: null };
    const { body } = await submit({ task_name: 'anything', parameters });
    expect((await factOf(body.sequence)).data).toMatchObject({ parameters });
  });

  it('waits when it is delayed, and not when its time has passed', async () => {
    const delayed = await submit({ task_name: 'anything', delay_seconds: 60 });
    expect(delayed.body.status).toBe('PENDING');
    expect(await factOf(delayed.body.sequence)).toMatchObject({
      kind: 'scheduled',
      data: { reason: 'delay', lane: 'p5' },
    });
    const late = await submit({ task_name: 'anything', eta: '2020-01-01T00:00:00+02:00' });
    expect((await factOf(late.body.sequence)).kind).toBe('p5');
  });

  it('carries its correlation id from the header, else from the body, else a new one', async () => {
    const cases: [Record<string, string>, object, RegExp][] = [
      [{ 'x-correlation-id': 'from-header' }, { correlation_id: 'from-body' }, /^from-header$/],
      [{}, { correlation_id: 'from-body' }, /^from-body$/],
      [{}, {}, /^[0-9a-f-]{36}$/],
    ];
    for (const [headers, extra, expected] of cases) {
      const answer = await submit({ task_name: 'anything', ...extra }, headers);
      expect(answer.headers.get('x-correlation-id')).toMatch(expected);
    }
    const { body } = await submit({ task_name: 'anything' }, { 'x-correlation-id': 'from-header' });
    expect((await factOf(body.sequence)).data).toMatchObject({ task: { correlation_id: 'from-header' } });
  });

  it('of an unknown name is accepted when it says so', async () => {
    const { status, body } = await submit({ task_name: 'not-yet', allow_unknown: true });
    expect(status).toBe(202);
    expect(body.queue).toBe('default');
  });

  it('knows a handler and a queue that were registered this instant', async () => {
    for (let round = 0; round < 5; round++) {
      const name = `fresh-${round}`;
      await driver.register({ name, queue: `queue-${round}` });
      expect((await submit({ task_name: name, queue: `queue-${round}` })).status).toBe(202);
    }
  });

  it('is judged by the newest schema of its handler', async () => {
    const schema = (type: string) => ({ type: 'object', properties: { a: { type } } });
    await driver.register({ name: 'changing', queue: 'default', parameters: schema('string') });
    expect((await submit({ task_name: 'changing', parameters: { a: 'x' } })).status).toBe(202);
    await driver.register({ name: 'changing', queue: 'default', parameters: schema('integer') });
    await waitUntil(
      async () => (await submit({ task_name: 'changing', parameters: { a: 'x' } })).status === 400,
    );
  });
});

describe('the same task twice', () => {
  it('is one task when the caller gives the id, whatever the queue', async () => {
    const first = await submit({ task_name: 'anything', task_id: 'order-42', priority: 9 });
    expect(first).toMatchObject({ status: 202, body: { task_id: 'order-42', duplicate: false } });
    const second = await submit({ task_name: 'anything', task_id: 'order-42', queue: 'films' });
    expect(second.status).toBe(200);
    expect(second.body).toEqual({ ...first.body, duplicate: true });
  });

  it('is one task by its key, in the body or in the header', async () => {
    const first = await submit({ task_name: 'anything', unique_key: 'invoice 7' });
    expect(first.status).toBe(202);
    const again = await submit({ task_name: 'anything' }, { 'idempotency-key': 'invoice 7' });
    expect(again).toMatchObject({ status: 200, body: { ...first.body, duplicate: true } });
    const elsewhere = await submit({ task_name: 'anything', unique_key: 'invoice 7', queue: 'films' });
    expect(elsewhere.status).toBe(202);
  });

  it('shows how the first one is by now', async () => {
    const { body } = await submit({ task_name: 'anything', unique_key: 'ended' });
    await driver.start(body.task_id);
    await driver.succeed(body.task_id, null);
    const again = await submit({ task_name: 'anything', unique_key: 'ended' });
    expect(again).toMatchObject({ status: 200, body: { task_id: body.task_id, status: 'SUCCESS' } });
  });

  it('is one task when many ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => submit({ task_name: 'anything', unique_key: 'at once' })),
    );
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body.task_id)).size).toBe(1);
  });
});

describe('a key that is not taken for ever', () => {
  it('is free again once its task has ended', async () => {
    const body = { task_name: 'anything', unique: { scope: 'until_done' } };
    const key = { 'idempotency-key': 'nightly' };
    const first = await submit(body, key);
    expect(first).toMatchObject({ status: 202, body: { duplicate: false, replaced: false } });
    expect(await submit(body, key)).toMatchObject({ status: 200, body: { ...first.body, duplicate: true } });
    await driver.start(first.body.task_id);
    await driver.succeed(first.body.task_id, null);
    const second = await submit(body, key);
    expect(second.status).toBe(202);
    expect(second.body.task_id).not.toBe(first.body.task_id);
  });

  it('goes to the last of a bulk when they replace each other', async () => {
    const entry = (n: number) => ({
      task_name: 'anything',
      parameters: n,
      unique_key: 'newest',
      unique: { mode: 'debounce', quiet_seconds: 60 },
    });
    const tasks = Array.from({ length: 100 }, (_, n) => entry(n));
    const { body } = await client.call<SubmittedTasks>('POST /tasks/bulk', { body: { tasks } });
    expect(body.results.filter((entry) => 'replaced' in entry && entry.replaced)).toHaveLength(99);
    const again = await submit(entry(100));
    expect(again).toMatchObject({
      status: 200,
      body: { status: 'PENDING', duplicate: true, replaced: true },
    });
    const facts = await log.read.history({ queue: 'default', task_id: again.body.task_id });
    expect(facts.map(({ data }) => 'parameters' in data && data.parameters)).toEqual(
      Array.from({ length: 101 }, (_, n) => n),
    );
  });
});

describe('a submission that is refused', () => {
  let before: number;
  beforeEach(async () => {
    before = await lastSequence();
  });

  const past = '2020-01-01T00:00:00Z';
  const cases: [string, unknown, number, string, RegExp][] = [
    [
      'an unknown task name',
      { task_name: 'nobody' },
      400,
      'task/unknown-name',
      /No handler has registered the name "nobody"/,
    ],
    [
      'an unknown queue',
      { task_name: 'anything', queue: 'nowhere' },
      400,
      'task/unknown-queue',
      /"nowhere" is not defined. Known are: default/,
    ],
    ['a bad name', { task_name: 'Not A Name' }, 400, 'request/invalid', /task_name: must be 1 to 64 of/],
    ['no name', {}, 400, 'request/invalid', /task_name: Invalid input: expected string, received undefined/],
    [
      'a wrong type',
      { task_name: 'anything', priority: 'high' },
      400,
      'request/invalid',
      /priority: Invalid input: expected number, received string/,
    ],
    [
      'a priority out of range',
      { task_name: 'anything', priority: 11 },
      400,
      'request/invalid',
      /priority: Too big/,
    ],
    [
      'an unknown field',
      { task_name: 'anything', prioritty: 3 },
      400,
      'request/invalid',
      /prioritty: Unknown field/,
    ],
    [
      'an unknown field of retry',
      { task_name: 'anything', retry: { max: 3 } },
      400,
      'request/invalid',
      /retry\.max: Unknown field/,
    ],
    [
      'an unknown field of a class of errors',
      { task_name: 'anything', retry: { by_error: { Busy: { max: 3 } } } },
      400,
      'request/invalid',
      /retry\.by_error\.Busy\.max: Unknown field/,
    ],
    [
      'too many classes of errors',
      {
        task_name: 'anything',
        retry: { by_error: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`Error${n}`, {}])) },
      },
      400,
      'request/invalid',
      /retry\.by_error: must name at most 32 classes/,
    ],
    ['a list', [], 400, 'request/invalid', /expected object, received array/],
    ['no body', undefined, 400, 'request/invalid', /expected object, received undefined/],
    ['broken JSON', '{"task_name":', 400, 'request/malformed', /The body is not valid JSON: Unexpected end/],
    [
      'a poisonous key',
      '{"task_name":"anything","parameters":{"__proto__":{}}}',
      400,
      'request/malformed',
      /__proto__/,
    ],
    [
      'a bad id',
      { task_name: 'anything', task_id: 'a.b' },
      400,
      'request/invalid',
      /task_id: must be 1 to 128/,
    ],
    [
      'a field missing in the parameters',
      { task_name: 'render', parameters: {} },
      400,
      'task/invalid-parameters',
      /must have required property 'film'/,
    ],
    [
      'an unknown field in the parameters',
      { task_name: 'render', parameters: { film: 'a', colour: 1 } },
      400,
      'task/invalid-parameters',
      /parameters\.colour: Unknown field/,
    ],
    [
      'a wrong type in the parameters',
      { task_name: 'render', parameters: { film: 'a', frames: [1, 'x'] } },
      400,
      'task/invalid-parameters',
      /parameters\.frames\[1\]: must be integer/,
    ],
    [
      'large parameters',
      { task_name: 'anything', parameters: 'ü'.repeat(262_144) },
      413,
      'task/too-large',
      /have 524290 bytes as JSON; 524288 are allowed/,
    ],
    [
      'a large body',
      { task_name: 'anything', parameters: 'x'.repeat(1_100_000) },
      413,
      'request/too-large',
      /512 KiB of parameters/,
    ],
    [
      'deep parameters',
      `{"task_name":"anything","parameters":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      400,
      'request/invalid',
      /nested too deep/,
    ],
    [
      'two starts',
      { task_name: 'anything', eta: past, delay_seconds: 1 },
      400,
      'request/invalid',
      /give one of them/,
    ],
    [
      'an expiry in the past',
      { task_name: 'anything', expires_at: past },
      400,
      'request/invalid',
      /is in the past/,
    ],
    [
      'an expiry before its start',
      { task_name: 'anything', delay_seconds: 3600, expires_at: new Date(Date.now() + 60_000).toISOString() },
      400,
      'request/invalid',
      /may not start/,
    ],
    [
      'a time without a zone',
      { task_name: 'anything', eta: '2030-01-01T00:00:00' },
      400,
      'request/invalid',
      /eta: must be a time with its zone/,
    ],
    [
      'limits the wrong way round',
      { task_name: 'anything', soft_time_limit: 9, time_limit: 8 },
      400,
      'request/invalid',
      /raise time_limit too/,
    ],
    [
      'too many tags',
      { task_name: 'anything', tags: Array(33).fill('a') },
      400,
      'request/invalid',
      /tags: Too big/,
    ],
    [
      'a tag with a line break',
      { task_name: 'anything', tags: ['a\nb'] },
      400,
      'request/invalid',
      /tags\[0\]: must have no control characters/,
    ],
    [
      'a window without its length',
      { task_name: 'anything', unique_key: 'a', unique: { mode: 'throttle' } },
      400,
      'request/invalid',
      /unique\.window_seconds: is needed/,
    ],
    [
      'a scope of a mode that has none',
      { task_name: 'anything', unique_key: 'a', unique: { mode: 'replace', scope: 'until_done' } },
      400,
      'request/invalid',
      /unique\.scope: belongs to the mode reject/,
    ],
    [
      'a rule without a key',
      { task_name: 'anything', unique: { mode: 'replace' } },
      400,
      'request/invalid',
      /send unique_key or the header/,
    ],
    [
      'a quiet time and a delay',
      {
        task_name: 'anything',
        unique_key: 'a',
        unique: { mode: 'debounce', quiet_seconds: 9 },
        delay_seconds: 1,
      },
      400,
      'request/invalid',
      /leave delay_seconds and eta out/,
    ],
    [
      'an id and a key',
      { task_name: 'anything', task_id: 'a', unique_key: 'b' },
      400,
      'request/invalid',
      /give one of them/,
    ],
  ];

  it.each(cases)('for %s writes nothing and says why', async (_name, body, status, code, detail) => {
    const answer = await client.call<Problem>('POST /tasks', body === undefined ? {} : { body });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body).toMatchObject({ status, code });
    expect(answer.body.detail).toMatch(detail);
    expect(answer.status).toBe(status);
    expect(answer.body.correlation_id).toBe(answer.headers.get('x-correlation-id'));
    expect(await lastSequence()).toBe(before);
  });

  it('for its media type, its method or its path says so', async () => {
    const text = await client.call('POST /tasks', { body: 'hi', headers: { 'content-type': 'text/plain' } });
    expect(text).toMatchObject({ status: 415, body: { code: 'request/unsupported-media-type' } });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await client.call('POST /tasks', { body: 'task_name=anything', headers: form })).status).toBe(
      415,
    );
    const put = await client.call('PUT /tasks', { body: {} });
    expect(put).toMatchObject({ status: 405, body: { code: 'request/method-not-allowed' } });
    expect(put.headers.get('allow')).toBe('GET, HEAD, POST');
    expect(await client.call('POST /taks', { body: {} })).toMatchObject({
      status: 404,
      body: { code: 'request/not-found' },
    });
    expect(await client.call('GET /tasks/%zz')).toMatchObject({
      status: 400,
      body: { code: 'request/malformed' },
    });
    expect(await client.call(`GET /tasks/${'a'.repeat(300)}`)).toMatchObject({
      status: 400,
      body: { code: 'request/invalid' },
    });
    expect(await lastSequence()).toBe(before);
  });

  it('tells every fault at once', async () => {
    const { body } = await client.call<Problem>('POST /tasks', {
      body: { task_name: 'anything', priority: 1.5, tags: [''], foo: 1, bar: 2 },
    });
    expect(body.errors?.map(({ path }) => path).sort()).toEqual(['bar', 'foo', 'priority', 'tags[0]']);
  });

  it('for a key in a header that is no ASCII', async () => {
    const answer = await submit({ task_name: 'anything' }, { 'idempotency-key': 'caf\u00e9' });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'Idempotency-Key' }] } });
  });

  it('for two different keys', async () => {
    const both = await submit({ task_name: 'anything', unique_key: 'a' }, { 'idempotency-key': 'b' });
    expect(both).toMatchObject({ status: 400, body: { errors: [{ path: 'Idempotency-Key' }] } });
    expect(await lastSequence()).toBe(before);
  });
});

describe('a bulk', () => {
  const submitAll = (
    tasks: unknown[],
    headers: Record<string, string> = {},
  ): Promise<Answer<SubmittedTasks>> =>
    client.call<SubmittedTasks>('POST /tasks/bulk', { body: { tasks }, headers });

  it('answers each entry in its place, and a bad one does not refuse the others', async () => {
    const { status, body } = await submitAll([
      { task_name: 'anything', task_id: 'bulk-1' },
      { task_name: 'anything', prio: 1 },
      { task_name: 'render', parameters: {} },
      { task_name: 'anything', task_id: 'bulk-1' },
      null,
      { task_name: 'anything', queue: 'nowhere' },
    ]);
    expect(status).toBe(202);
    expect(body).toMatchObject({
      accepted: 2,
      rejected: 4,
      results: [
        { task_id: 'bulk-1', status: 'PENDING' },
        { error: { code: 'request/invalid', errors: [{ path: 'prio' }] } },
        { error: { code: 'task/invalid-parameters' } },
        { task_id: 'bulk-1', status: 'PENDING' },
        { error: { code: 'request/invalid' } },
        { error: { code: 'task/unknown-queue' } },
      ],
    });
    const duplicates = body.results.map((result) => 'duplicate' in result && result.duplicate);
    expect(duplicates.filter(Boolean)).toHaveLength(1);
  });

  it('takes a thousand tasks and no more', async () => {
    const before = await lastSequence();
    const entry = { task_name: 'anything', parameters: { text: 'x'.repeat(2_000) } };
    const { body } = await submitAll(Array(1000).fill(entry));
    expect(body.accepted).toBe(1000);
    expect(new Set(body.results.map((result) => 'task_id' in result && result.task_id)).size).toBe(1000);
    expect(await lastSequence()).toBe(before + 1000);
    expect(await submitAll(Array(1001).fill(entry))).toMatchObject({ status: 400 });
    expect(await submitAll([])).toMatchObject({ status: 400 });
    expect(await lastSequence()).toBe(before + 1000);
  });

  it('refuses a key for all of them', async () => {
    const answer = await submitAll([{ task_name: 'anything' }], { 'idempotency-key': 'a' });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'Idempotency-Key' }] } });
  });
});

describe('a store that is nearly full', () => {
  it('takes no submission, but everything else', async () => {
    const taskId = await client.submit({ task_name: 'anything' });
    const full = await GatewayClient.start(gateway.nats.url, { MILLRACE_STORE_LIMIT_BYTES: '1000' });
    const before = await lastSequence();
    const body = { task_name: 'anything' };
    const single = await full.call<Problem>('POST /tasks', { body });
    const bulk = await full.call<Problem>('POST /tasks/bulk', { body: { tasks: [body] } });
    expect(await lastSequence()).toBe(before);
    const cancelled = await full.call(`DELETE /tasks/${taskId}`);
    await full.stop();
    expect(single).toMatchObject({ status: 503, body: { code: 'log/store-full' } });
    expect(single.headers.get('retry-after')).toBe('30');
    expect(bulk).toMatchObject({ status: 503, body: { code: 'log/store-full' } });
    expect(cancelled.status).toBe(200);
  });
});

describe('a handler with a schema that cannot be used', () => {
  it('still gets its tasks', async () => {
    await driver.register({ name: 'odd', queue: 'default', parameters: { type: 'nonsense' } });
    expect((await submit({ task_name: 'odd', parameters: { any: 1 } })).status).toBe(202);
  });
});
