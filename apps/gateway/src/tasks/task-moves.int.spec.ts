import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REORDER, streams, subjects } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import { GatewayClient } from '../testing/gateway-client.js';
import { startTestGateway } from '../testing/test-gateway.js';
import type { TestGateway } from '../testing/test-gateway.js';
import type { CommandDone } from './task-commands.schema.js';
import type { MovedTask, PrioritisedTask } from './task-moves.schema.js';

let gateway: TestGateway;
let log: TaskLog;
let client: GatewayClient;

beforeAll(async () => {
  gateway = await startTestGateway();
  ({ log, client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString();
const lastOf = (task_id: string) => log.read.lastFact({ queue: 'default', task_id });

describe('a change of priority', () => {
  it('goes on without Postgres, which alone knows the position', async () => {
    const id = await client.submit({ task_name: 'work', priority: 3 });
    const answer = await client.call<PrioritisedTask>(`POST /tasks/${id}/priority`, {
      body: { priority: 8 },
    });
    expect(answer).toMatchObject({ status: 200, body: { task_id: id, priority: 8, position: null } });
    expect(await lastOf(id)).toMatchObject({
      kind: 'p8',
      sequence: answer.body.sequence,
      data: { reason: 'reprioritised', task: { priority: 8 } },
    });
    const again = await client.call<PrioritisedTask>(`POST /tasks/${id}/priority`, { body: { priority: 8 } });
    expect(again.body).toMatchObject({
      message: 'Task had priority 8 already',
      sequence: answer.body.sequence,
    });
  });

  it('is refused outside of 0 to 10', async () => {
    const id = await client.submit({ task_name: 'work' });
    expect((await client.call(`POST /tasks/${id}/priority`, { body: { priority: 11 } })).status).toBe(400);
  });
});

describe('a change of time', () => {
  it('lets a waiting task start later', async () => {
    const id = await client.submit({ task_name: 'work' });
    const eta = inSeconds(3600);
    const answer = await client.call<CommandDone>(`POST /tasks/${id}/reschedule`, { body: { eta } });
    expect(answer).toMatchObject({ status: 200, body: { message: `Task waits until ${eta}` } });
    expect(await lastOf(id)).toMatchObject({ kind: 'scheduled', data: { until: eta, reason: 'delay' } });
    expect(await log.admin.hasTimer({ queue: 'default', task_id: id }, answer.body.sequence)).toBe(true);
    // The timer of a wait that ended goes with it.
    await client.call(`POST /tasks/${id}/run-now`);
    expect(await lastOf(id)).toMatchObject({ kind: 'p5', data: { reason: 'run_now' } });
    expect(await log.admin.hasTimer({ queue: 'default', task_id: id }, answer.body.sequence)).toBe(false);
  });

  it('into the past is now', async () => {
    const id = await client.submit({ task_name: 'work', delay_seconds: 3600 });
    const answer = await client.call<CommandDone>(`POST /tasks/${id}/reschedule`, {
      body: { eta: inSeconds(-1) },
    });
    expect(answer.body.message).toBe('Task is queued to run now');
  });

  it('that a task could not start at is refused, and so are two times at once', async () => {
    const id = await client.submit({ task_name: 'work', expires_at: inSeconds(60) });
    for (const body of [{ eta: inSeconds(61) }, { eta: inSeconds(1), delay_seconds: 1 }, {}]) {
      const answer = await client.call<Problem>(`POST /tasks/${id}/reschedule`, { body });
      expect(answer).toMatchObject({ status: 400, body: { code: 'request/invalid' } });
    }
    expect((await lastOf(id))?.kind).toBe('p5');
  });
});

describe('a reorder', () => {
  it('beyond the last position is refused with a sentence', async () => {
    const id = await client.submit({ task_name: 'work' });
    for (const position of [1001, -1, 0.5, 'top', undefined]) {
      const answer = await client.call<Problem>(`POST /tasks/${id}/reorder`, { body: { position } });
      expect(answer.status).toBe(400);
      expect(answer.body.detail).toContain('from 0 (runs next) to 1000, "front" or "back"');
    }
  });

  it('that nobody carries out is told so', async () => {
    const another = await GatewayClient.start(gateway.nats.url);
    const id = await client.submit({ task_name: 'work' });
    const answer = another.call<Problem & MovedTask>(`POST /tasks/${id}/reorder`, { body: { position: 0 } });
    await waitUntil(() => log.read.lastOn(subjects.op('queue', REORDER.request), streams.ops.name));
    // It gives up with the gateway, which would wait for some seconds.
    await another.stop();
    expect(await answer).toMatchObject({ status: 503, body: { code: 'scheduler/unavailable' } });
    expect((await answer).body.detail).toContain('The reorder lapses at');
  });
});
