import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OWN_QUEUE } from '@millrace/log';
import { spawnApp, waitUntil } from '@millrace/testing';
import type { TestApp } from '@millrace/testing';
import type { GatewayClient } from '../testing/gateway-client.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';
import { archive } from '../testing/archiver.js';
import type { AlertRuleList, AlertRuleView, WouldBeAlerts } from './alert-rules.schema.js';
import type { AlertList } from './alerts.schema.js';
import type { DefinedWebhook, WebhookList } from './webhooks.schema.js';

const SCHEDULER = new URL('../../../scheduler/dist/main.js', import.meta.url);
const WORKER = new URL('../../../worker/dist/main.js', import.meta.url);
/** Nobody listens there. */
const NO_DATABASE = 'postgres://nobody@127.0.0.1:1/none';
const RULE = { metric: 'postgres_away', warning: 0 };
const SECRET = 'a-secret-of-the-specs';

let gateway: ArchivingGateway;
let client: GatewayClient;

beforeAll(async () => {
  gateway = await startArchivingGateway();
  ({ client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const ruleOf = async (name: string): Promise<AlertRuleView | undefined> =>
  (await client.call<AlertRuleList>('GET /alert-rules')).body.items.find((rule) => rule.name === name);

const alertsOf = async (rule: string, query = ''): Promise<AlertList['items']> =>
  (await client.call<AlertList>(`GET /alerts?rule=${rule}&${query}`)).body.items;

describe('the alert rules', () => {
  it('are the default ones until somebody writes over them, and again when that is taken back', async () => {
    expect(await ruleOf('failure_rate')).toMatchObject({ warning: 10, critical: 20, origin: 'default' });
    const body = { metric: 'failure_rate', warning: 5, queue: 'films' };
    const { status, body: rule } = await client.call('PUT /alert-rules/failure_rate', { body });
    expect([status, rule]).toEqual([
      200,
      expect.objectContaining({ ...body, min_count: 20, origin: 'changed' }),
    ]);
    expect(rule).not.toHaveProperty('critical');
    expect(await ruleOf('failure_rate')).toEqual(rule);
    expect((await client.call('DELETE /alert-rules/failure_rate')).status).toBe(204);
    expect(await ruleOf('failure_rate')).toMatchObject({ warning: 10, origin: 'default' });
  });

  it('may have others beside them, written one by one or together', async () => {
    const rule = { metric: 'queue_depth', queue: 'films', warning: 7 };
    const { body } = await client.call<AlertRuleList>('PUT /alert-rules', {
      body: { items: [{ name: 'films-wait', rule }] },
    });
    expect(body.items.find(({ name }) => name === 'films-wait')).toMatchObject({ ...rule, origin: 'own' });
    expect((await client.call('DELETE /alert-rules/films-wait')).status).toBe(204);
    expect((await client.call('DELETE /alert-rules/films-wait')).body).toMatchObject({
      code: 'alert-rule/not-found',
    });
  });

  it.each([
    [{ metric: 'memory' }, 'warning'],
    [{ metric: 'memory', warning: 2, critical: 1 }, 'critical'],
    [{ metric: 'memory', warning: 1, queue: 'films' }, 'queue'],
    [{ metric: 'queue_depth', warning: 1, each: 'task_name' }, 'each'],
    [{ metric: 'task_duration', warning: 1, comparison: 'below' }, 'comparison'],
    [{ metric: 'weather', warning: 1 }, 'metric'],
    [{ metric: 'failure_rate', warning: 1, window_seconds: 1 }, 'window_seconds'],
  ])('are refused when they make no sense: %j', async (body, path) => {
    const { status, body: problem } = await client.call('PUT /alert-rules/odd', { body });
    expect(status).toBe(400);
    expect(problem).toMatchObject({ code: 'request/invalid', errors: [expect.objectContaining({ path })] });
  });

  it('can be tried on the past', async () => {
    const { log, driver, databaseUrl } = gateway;
    for (const end of ['succeed', 'fail'] as const) {
      const taskId = await client.submit({ task_name: 'work' });
      await driver.start(taskId);
      await driver[end](taskId, 'done');
    }
    await archive(log, databaseUrl);
    const span = {
      from: new Date(Date.now() - 600_000).toISOString(),
      to: new Date(Date.now() + 60_000).toISOString(),
    };
    const evaluate = async (body: object): Promise<WouldBeAlerts> =>
      (await client.call<WouldBeAlerts>('POST /alert-rules/failure_rate/evaluate', { body })).body;
    // Too few tasks for the rule as it stands.
    expect(await evaluate(span)).toMatchObject({ step_seconds: 60, alerts: [] });
    const rule = { metric: 'failure_rate', warning: 10, critical: 60, min_count: 1, each: 'queue' };
    expect((await evaluate({ ...span, rule })).alerts).toMatchObject([
      { severity: 'warning', queue: 'default', worst_value: 50, resolved_at: null },
    ]);
    expect((await evaluate({ ...span, rule: { ...rule, queue: 'other' } })).alerts).toEqual([]);
  });

  it('can be tried on how much waited and for how long, and on how long tasks ran', async () => {
    const { log, driver, databaseUrl } = gateway;
    // As if it were two minutes later.
    const [from, to] = [-600_000, 120_000].map((ms) => new Date(Date.now() + ms).toISOString());
    const evaluate = async (rule: object): Promise<WouldBeAlerts['alerts']> => {
      const body = { from, to, rule };
      const answer = await client.call<WouldBeAlerts>('POST /alert-rules/tried/evaluate', { body });
      expect(answer.status).toBe(200);
      return answer.body.alerts;
    };
    const longWait = { metric: 'oldest_wait', warning: 30, critical: 3_600, each: 'queue' };
    const longRun = { metric: 'task_duration', warning: 30, message: '{task_id} runs' };
    const deep = { metric: 'queue_depth', warning: 0 };
    const taskId = await client.submit({ task_name: 'work' });
    await archive(log, databaseUrl);
    expect(await evaluate(deep)).toMatchObject([{ queue: null, worst_value: 1, resolved_at: null }]);
    expect(await evaluate({ ...deep, queue: 'other' })).toEqual([]);
    expect(await evaluate(longWait)).toMatchObject([{ queue: 'default', severity: 'warning' }]);
    expect(await evaluate(longRun)).toEqual([]);
    await driver.start(taskId);
    await archive(log, databaseUrl);
    expect(await evaluate(longWait)).toEqual([]);
    expect(await evaluate(longRun)).toMatchObject([
      { queue: 'default', task_name: 'work', task_id: taskId, message: `${taskId} runs`, resolved_at: null },
    ]);
    expect(await evaluate({ ...longRun, task_name: 'other' })).toEqual([]);
    await driver.succeed(taskId, null);
    await archive(log, databaseUrl);
    expect([await evaluate(longRun), await evaluate(deep)]).toEqual([[], []]);
  });

  it('cannot be tried on a past that is not kept, or not told in one answer', async () => {
    const evaluate = async (rule: string, to: string): Promise<unknown> =>
      client.call(`POST /alert-rules/${rule}/evaluate`, { body: { from: '2026-01-01T00:00:00Z', to } });
    expect(await evaluate('memory', '2026-01-02T00:00:00Z')).toMatchObject({
      status: 400,
      body: {
        code: 'alert-rule/not-kept',
        detail: expect.stringContaining('failure_rate, dead_letters, queue_depth'),
      },
    });
    for (const [rule, to] of [
      ['failure_rate', '2026-05-01T00:00:00Z'],
      ['oldest_wait', '2026-01-09T00:00:00Z'],
    ] as const)
      expect(await evaluate(rule, to)).toMatchObject({
        status: 400,
        body: { code: 'request/invalid', errors: [{ path: 'to' }] },
      });
  });
});

async function metricsOf(app: TestApp): Promise<string> {
  const line = await app.line('Metrics are served');
  const { port } = JSON.parse(line) as { port: number };
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

describe('an alert', () => {
  let receiver: Server;
  let apps: TestApp[];
  const received: { headers: Record<string, unknown>; body: string }[] = [];
  let answers: number[] = [];

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        received.push({ headers: request.headers, body });
        response.statusCode = answers.shift() ?? 204;
        response.end();
      });
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const NATS_URL = gateway.nats.url;
    // Not before somebody listens.
    await client.call('PUT /alert-rules/postgres_away', { body: { ...RULE, enabled: false } });
    apps = [
      // Postgres is what is wrong here.
      spawnApp(SCHEDULER, {
        NATS_URL,
        DATABASE_URL: NO_DATABASE,
        MILLRACE_ALERT_SECONDS: '0.2',
        MILLRACE_QUIET_SECONDS: '0.1',
        MILLRACE_METRICS_PORT: '0',
      }),
      spawnApp(WORKER, { NATS_URL, MILLRACE_WEBHOOKS: 'true', MILLRACE_METRICS_PORT: '0' }, [
        '--queues',
        OWN_QUEUE,
      ]),
    ];
    await apps[1]!.line('Worker started', 30_000);
  }, 60_000);

  afterAll(async () => {
    await Promise.all(apps.map((app) => app.kill()));
    receiver.close();
  });

  const eventOf = (index: number): { id: string; type: string; data: Record<string, unknown> } =>
    JSON.parse(received[index]!.body) as ReturnType<typeof eventOf>;

  it('is shown, sent to its webhook, signed, until it arrives, once, and is known when it is over', async () => {
    const { port } = receiver.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/hook`;
    const webhook = await client.call<DefinedWebhook>('PUT /webhooks/ops', {
      body: { url, secret: SECRET, rules: ['postgres_away'] },
    });
    expect(webhook.body).toMatchObject({ url, secret: null });
    answers = [500];
    expect((await client.call('PUT /alert-rules/postgres_away', { body: RULE })).status).toBe(200);
    await waitUntil(() => received.length === 1, { timeoutMs: 20_000, what: 'the first delivery' });
    const { id, type, data } = eventOf(0);
    expect({ type, data }).toMatchObject({
      type: 'alert.raised',
      data: { rule: 'postgres_away', severity: 'warning' },
    });
    const [open] = await alertsOf('postgres_away');
    expect(open).toMatchObject({ status: 'open', severity: 'warning', alert_id: data.alert_id });
    // It answered 500: the same again after the backoff, which nobody waits for here.
    const taskId = `webhook-${id}-ops`;
    await waitUntil(async () => (await client.call(`GET /tasks/${taskId}/status`)).body.status === 'RETRY', {
      what: 'the retry',
    });
    expect((await client.call(`POST /tasks/${taskId}/run-now`)).status).toBe(200);
    await waitUntil(() => received.length === 2);
    expect(received[1]!.body).toBe(received[0]!.body);
    const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(received[1]!.headers['millrace-signature']))!;
    expect(v1).toBe(createHmac('sha256', SECRET).update(`${t}.${received[1]!.body}`).digest('hex'));
    expect(received[1]!.headers['millrace-event-id']).toBe(id);

    await client.call('PUT /alert-rules/postgres_away', { body: { ...RULE, enabled: false } });
    await waitUntil(() => received.length === 3, { timeoutMs: 20_000, what: 'the last delivery' });
    expect(eventOf(2)).toMatchObject({ type: 'alert.resolved', data: { alert_id: data.alert_id } });
    expect(await alertsOf('postgres_away', 'status=open')).toEqual([]);
    expect(await alertsOf('postgres_away', 'status=resolved')).toMatchObject([
      { status: 'resolved', severity: 'warning', alert_id: data.alert_id },
    ]);
    expect(await alertsOf('postgres_away', 'status=all&severity=critical')).toEqual([]);
    const facts = JSON.stringify(await gateway.log.read.history({ queue: OWN_QUEUE, task_id: taskId }));
    expect(facts).not.toContain(SECRET);
    expect(facts).not.toContain(url);
  });

  it('and what it made the processes do is told to Prometheus', async () => {
    const [ofScheduler, ofWorker] = await Promise.all(apps.map(metricsOf));
    expect(ofScheduler).toContain('millrace_scheduler_leads{concern="alerts",app="scheduler"} 1');
    expect(ofWorker).toMatch(
      /millrace_task_duration_seconds_count\{queue="millrace",task_name="webhook",outcome="succeeded",app="worker"\} \d/,
    );
    expect(ofWorker).toContain('millrace_worker_running{app="worker"} 0');
    await archive(gateway.log, gateway.databaseUrl);
    const { status, headers, body } = await client.fetch<{ text: string }>('GET /metrics');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(body.text).toContain(
      'millrace_tasks_failed_total{queue="default",task_name="work",app="gateway"} 1',
    );
    expect(body.text).toContain('millrace_queue_depth{queue="default",app="gateway"} 0');
    expect(body.text).toMatch(
      /millrace_http_request_duration_seconds_count\{method="POST",route="\/api\/v1\/tasks",status="2xx",app="gateway"\} 3/,
    );
    expect(body.text).toContain('millrace_log_connected{app="gateway"} 1');
    expect((await client.fetch('GET /metrics', { key: null })).status).toBe(401);
  });

  it('is read page by page when it is over', async () => {
    await client.call('PUT /alert-rules/postgres_away', { body: RULE });
    await waitUntil(async () => (await alertsOf('postgres_away')).length === 1);
    await client.call('PUT /alert-rules/postgres_away', { body: { ...RULE, enabled: false } });
    await waitUntil(async () => (await alertsOf('postgres_away', 'status=resolved')).length === 2);
    const first = await client.call<AlertList>('GET /alerts?status=resolved&limit=1');
    const next = await client.call<AlertList>(
      `GET /alerts?status=resolved&limit=1&cursor=${first.body.next_cursor}`,
    );
    expect(next.body.items[0]!.raised_at < first.body.items[0]!.raised_at).toBe(true);
    expect(next.body.next_cursor).toBeNull();
    expect((await client.call('GET /alerts?cursor=x')).status).toBe(400);
  });
});

describe('a webhook', () => {
  it('keeps its secret to itself, and shows one that was made for it once', async () => {
    const body = { url: 'https://ops.example.com/hook' };
    const made = await client.call<DefinedWebhook>('PUT /webhooks/other', { body });
    expect(made.body.secret).toMatch(/^whsec_/);
    expect((await client.call<DefinedWebhook>('PUT /webhooks/other', { body })).body.secret).toBeNull();
    const list = await client.call<WebhookList>('GET /webhooks');
    expect(list.body.items.map(({ name }) => name)).toContain('other');
    expect(JSON.stringify(list.body)).not.toContain('whsec_');
    expect((await client.call('DELETE /webhooks/other')).status).toBe(204);
    expect((await client.call('DELETE /webhooks/other')).body).toMatchObject({ code: 'webhook/not-found' });
  });

  it.each(['ftp://x/y', 'https://me:secret@x/y', 'x'])('is not at %s', async (url) => {
    expect((await client.call('PUT /webhooks/odd', { body: { url } })).status).toBe(400);
  });
});
