import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { streams } from '@millrace/log';
import type { AlertNote } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import { System } from './system/system.js';

type Status = 'healthy' | 'warning' | 'critical';

interface Health {
  status: Status;
  alerts: { severity: Status; rule: string; metric: string; value: number; task_id?: string }[];
}

interface Alerts {
  items: { alert_id: string; severity: Status; value: number; task_id: string | null }[];
}

const WITHIN_MS = 30_000;
const RAISED = ['raised warning'];
const ESCALATED = [...RAISED, 'escalated critical'];
const RESOLVED = [...ESCALATED, 'resolved over'];

let system: System;
const told: { verb: string; note: AlertNote }[] = [];

beforeAll(async () => {
  system = await System.start({ scheduler: { MILLRACE_ALERT_SECONDS: '0.2' } });
  system.log.follow({
    stream: streams.ops.name,
    from: 1,
    filters: ['ops.alert.>'],
    onMessages: (messages) => {
      for (const { subject, payload } of messages)
        told.push({ verb: subject.split('.').at(-1)!, note: JSON.parse(payload) as AlertNote });
    },
  });
}, 120_000);

afterAll(() => system.stop());

async function get<T>(path: string): Promise<T> {
  const { status, body } = await system.api.call<T>('GET', `/api/v1${path}`);
  expect({ path, status }).toEqual({ path, status: 200 });
  return body;
}

async function setRule(name: string, rule: object): Promise<void> {
  const body = { metric: name, for_seconds: 0, ...rule };
  expect(await system.api.call('PUT', `/api/v1/alert-rules/${name}`, body)).toMatchObject({ status: 200 });
}

const toldOf = (rule: string): string[] =>
  told.filter(({ note }) => note.rule === rule).map(({ verb, note }) => `${verb} ${note.severity ?? 'over'}`);

const health = (): Promise<Health> => get<Health>('/tasks/health');

const untilHealthy = (): Promise<unknown> =>
  waitUntil(async () => (await health()).status === 'healthy', { timeoutMs: WITHIN_MS, what: 'health' });

/** OPS tells these transitions of the rule and no others, and all views of it agree. */
async function expectTold(rule: string, transitions: readonly string[]): Promise<void> {
  await waitUntil(() => toldOf(rule).length >= transitions.length, {
    timeoutMs: WITHIN_MS,
    what: `${rule} to be ${transitions.join(', ')}`,
  });
  expect(toldOf(rule)).toEqual(transitions);
  const severity = transitions.at(-1)!.split(' ')[1]!;
  const isOver = severity === 'over';
  const { status, alerts } = await health();
  const open = (await get<Alerts>(`/alerts?rule=${rule}`)).items;
  expect({ status, open: open.map((alert) => alert.severity) }).toEqual({
    status: isOver ? 'healthy' : severity,
    open: isOver ? [] : [severity],
  });
  expect(alerts.map((alert) => [alert.rule, alert.severity])).toEqual(isOver ? [] : [[rule, severity]]);
}

/** It was one alert from its beginning to its end. */
async function expectOneAlert(rule: string): Promise<void> {
  const over = (await get<Alerts>(`/alerts?rule=${rule}&status=resolved`)).items;
  const ids = new Set(told.filter(({ note }) => note.rule === rule).map(({ note }) => note.alert_id));
  expect(over).toMatchObject([{ severity: 'critical', alert_id: [...ids].join() }]);
}

/** Tasks that end so, all of which have ended. */
async function ended(end: 'SUCCESS' | 'FAILURE', count: number): Promise<void> {
  const parameters = end === 'FAILURE' ? { fail: 1 } : {};
  const task = { task_name: 'append_line', parameters, retry: { max_retries: 0 } };
  const { body } = await system.api.submitAll(Array.from({ length: count }, () => task));
  for (const one of body.results) {
    if (!('task_id' in one)) throw new Error(one.error.detail);
    expect((await system.api.result(one.task_id)).body.status).toBe(end);
  }
}

describe('the health of a running system', () => {
  it('follows the failures of its tasks, as its alerts do, also over the death of their scheduler', async () => {
    const rule = 'failure_rate';
    await setRule(rule, { warning: 10, critical: 20, window_seconds: 3_600, min_count: 10 });
    await ended('SUCCESS', 18);
    await expect(health()).resolves.toMatchObject({ status: 'healthy', alerts: [] });
    await ended('FAILURE', 3);
    await expectTold(rule, RAISED);
    await ended('FAILURE', 3);
    await expectTold(rule, ESCALATED);
    // What happens while nobody looks after the alerts is told by whoever comes next.
    await system.scheduler.kill();
    await ended('SUCCESS', 40);
    await untilHealthy();
    system.scheduler.start();
    await expectTold(rule, RESOLVED);
    await expectOneAlert(rule);
  }, 120_000);

  it('follows a task that runs for long', async () => {
    const rule = 'task_duration';
    const { body } = await system.api.submit({ task_name: 'append_line', parameters: { ms: 600_000 } });
    await setRule(rule, { warning: 0, critical: 3_600 });
    await expectTold(rule, RAISED);
    expect((await health()).alerts).toMatchObject([{ task_id: body.task_id }]);
    await setRule(rule, { warning: 0, critical: 1 });
    await expectTold(rule, ESCALATED);
    await system.api.cancel(body.task_id);
    await expectTold(rule, RESOLVED);
    await expectOneAlert(rule);
  }, 60_000);

  it('follows the memory of a worker', async () => {
    const rule = 'memory';
    await setRule(rule, { warning: 1, critical: 2 ** 50 });
    await expectTold(rule, RAISED);
    expect((await health()).alerts).toMatchObject([{ metric: 'memory_usage', value: expect.any(Number) }]);
    await setRule(rule, { warning: 1, critical: 2 });
    await expectTold(rule, ESCALATED);
    await setRule(rule, { warning: 2 ** 50 });
    await expectTold(rule, RESOLVED);
    await expectOneAlert(rule);
  }, 60_000);
});
