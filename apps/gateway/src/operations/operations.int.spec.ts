import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TaskState } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import type { Problem } from '../http/problem.js';
import type { PurgedQueue } from '../queues/purge.schema.js';
import { archive } from '../testing/archiver.js';
import { GatewayClient } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';
import type { Operation, OperationList } from './operations.schema.js';
import type { TaskActionDone } from './task-actions.schema.js';

let gateway: ArchivingGateway;
let databaseUrl: string;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;
/** Beside it, with no time for an undo. */
let other: GatewayClient;
/** A queue of the test's own. */
let queue: string;
let queues = 0;

beforeAll(async () => {
  gateway = await startArchivingGateway({
    handlers: [],
    meanwhile: async (natsUrl, databaseUrl) => {
      const env = { DATABASE_URL: databaseUrl, MILLRACE_UNDO_MINUTES: '0' };
      other = await GatewayClient.start(natsUrl, env);
    },
  });
  ({ log, driver, client, databaseUrl } = gateway);
}, 60_000);

beforeEach(async () => {
  queue = `queue-${++queues}`;
  await driver.register({ name: 'work', queue });
});

afterAll(async () => {
  await other.stop();
  await gateway.stop();
});

const submit = (more: Record<string, unknown> = {}): Promise<string> =>
  client.submit({ task_name: 'work', queue, ...more });
const submitMany = (count: number): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, () => submit()));
const projected = (): Promise<void> => archive(log, databaseUrl);
const stateOf = (task_id: string): Promise<TaskState> => log.read.task({ task_id });
const phaseOf = async (id: string): Promise<string> => (await stateOf(id)).phase;
const phasesOf = (ids: string[]): Promise<string[]> => Promise.all(ids.map(phaseOf));

const cancel = async (more: object = {}, of = client): Promise<TaskActionDone & Operation> => {
  const body = { action: 'cancel', filter: { queue }, ...more };
  return (await of.call<TaskActionDone & Operation>('POST /tasks/actions', { body })).body;
};
const undo = (id: string | null, of = client) =>
  of.call<TaskActionDone & Problem>(`POST /operations/${String(id)}/undo`);
const operation = async (id: string | null, of = client): Promise<Operation> =>
  (await of.call<Operation>(`GET /operations/${String(id)}`)).body;
const ended = (id: string): Promise<Operation> =>
  waitUntil(async () => {
    const it = await operation(id);
    return it.status === 'running' ? undefined : it;
  });

describe('the undo of a cancel', () => {
  it('gives tasks back as they were: parameters, priority, delay, pause, and where a run was', async () => {
    const plain = await submit({ parameters: { n: 1 }, priority: 8 });
    const long = await submit({ parameters: { text: 'x'.repeat(20_000) } });
    const delayed = await submit({ delay_seconds: 3600 });
    const ran = await submit({ parameters: { n: 2 } });
    await driver.start(ran);
    const checkpoint = await driver.checkpoint(ran, { at: 7 });
    const paused = await submit();
    await driver.pause(paused);
    const before = await stateOf(delayed);
    await projected();
    const { operation_id, done } = await cancel();
    expect(done).toBe(5);
    expect(await stateOf(plain)).toMatchObject({ phase: 'cancelled', operation: operation_id });
    await projected();
    const undone = await undo(operation_id);
    expect(undone).toMatchObject({ status: 200, body: { matched: 5, done: 5, refused: [] } });
    expect(await stateOf(plain)).toMatchObject({ phase: 'ready', lane: 'p8', parameters: { n: 1 } });
    const restored = await stateOf(long);
    expect(restored.phase !== 'none' && (await log.read.parametersOf(restored))).toEqual({
      text: 'x'.repeat(20_000),
    });
    expect(await stateOf(delayed)).toMatchObject({
      phase: 'scheduled',
      until: before.phase === 'scheduled' && before.until,
    });
    expect(await stateOf(ran)).toMatchObject({
      phase: 'ready',
      parameters: { n: 2 },
      checkpoint: checkpoint.sequence,
    });
    expect(await phaseOf(paused)).toBe('paused');
    expect(await operation(undone.body.operation_id)).toMatchObject({
      action: 'undo',
      status: 'done',
      done: 5,
      wish: { undoes: operation_id },
      undo_until: null,
    });
  });

  it('leaves alone what came back otherwise, and gives each task back once, however often it is asked', async () => {
    const [first, ...others] = (await submitMany(30)) as [string, ...string[]];
    await projected();
    const { operation_id } = await cancel();
    await log.change({ task_id: first }, { type: 'restore', operation: operation_id }, { actor: 'test' });
    await driver.start(first);
    await projected();
    const [one, two] = await Promise.all([undo(operation_id), undo(operation_id)]);
    expect(one.body.done + two.body.done).toBe(29);
    expect(await phaseOf(first)).toBe('running');
    expect(new Set(await phasesOf(others))).toEqual(new Set(['ready']));
    await projected();
    expect((await undo(operation_id)).body).toMatchObject({ matched: 0, done: 0, refused: [] });
  });

  it('brings back what has left the log', async () => {
    const id = await submit({ parameters: { n: 3 } });
    await projected();
    const { operation_id } = await cancel();
    await submit();
    await projected();
    await log.admin.purgeBelow((await log.admin.state()).lastSequence);
    expect(await phaseOf(id)).toBe('none');
    expect((await undo(operation_id)).body).toMatchObject({ matched: 1, done: 1 });
    expect(await stateOf(id)).toMatchObject({ phase: 'ready', parameters: { n: 3 } });
  });

  it('is refused for other actions, for what nobody knows, and after its time', async () => {
    const id = await submit();
    await projected();
    const raised = await cancel({ action: 'priority', priority: 9 });
    expect(await undo(raised.operation_id)).toMatchObject({
      status: 409,
      body: { code: 'operation/not-undoable', detail: expect.stringContaining('What a priority did') },
    });
    await projected();
    const { operation_id } = await cancel({}, other);
    expect(await undo(operation_id, other)).toMatchObject({
      status: 409,
      body: { code: 'operation/not-undoable', detail: expect.stringContaining('It could be undone until') },
    });
    expect(await undo('nobody')).toMatchObject({ status: 404, body: { code: 'operation/not-found' } });
    expect(await phaseOf(id)).toBe('cancelled');
  });
});

describe('a purge', () => {
  const purge = (body?: object) =>
    client.call<PurgedQueue & Operation>(`POST /queues/${queue}/purge`, { ...(body && { body }) });

  it('cancels whatever waits and nothing else, and can be undone', async () => {
    const waits = [await submit(), await submit({ delay_seconds: 3600 }), await submit()];
    await driver.start(waits[2]!);
    await driver.waitFor(waits[2]!, 'signal:go');
    const runs = await submit();
    await driver.start(runs);
    const paused = await submit();
    await driver.pause(paused);
    const late = await submit();
    await projected();
    // Started since the read model looked.
    await driver.start(late);
    const retried = await submit({ retry: { max_retries: 1, jitter: false } });
    await driver.start(retried);
    await driver.fail(retried, 'once more', true);
    const purging = purge();
    await projected();
    const { status, body } = await purging;
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, affected: 4 });
    expect(body.message).toContain('4 waiting tasks were cancelled; that can be undone until ');
    const others = [runs, paused, late];
    expect(await phasesOf([...waits, retried])).toEqual(Array(4).fill('cancelled'));
    expect(await phasesOf(others)).toEqual(['running', 'paused', 'running']);
    await projected();
    expect((await undo(body.operation_id)).body).toMatchObject({ matched: 4, done: 4 });
    expect(await phasesOf(waits)).toEqual(['ready', 'scheduled', 'ready']);
  });

  it('of a queue in which nothing waits has nothing to do', async () => {
    await projected();
    expect((await purge()).body).toMatchObject({ success: true, affected: 0 });
  });

  it('of a queue that nobody has defined is refused', async () => {
    queue = 'nowhere';
    expect(await purge()).toMatchObject({ status: 404, body: { code: 'queue/not-found' } });
  });
});

describe('an operation in the background', () => {
  it('is answered at once, tells how far it is, and is listed', async () => {
    const ids = await submitMany(60);
    await projected();
    const body = { action: 'cancel', filter: { queue }, background: true, rate_per_second: 40 };
    const begun = await client.call<Operation>('POST /tasks/actions', { body });
    expect(begun).toMatchObject({ status: 202, body: { status: 'running', done: 0, finished_at: null } });
    const { operation_id } = begun.body;
    const halfway = await waitUntil(async () => {
      const it = await operation(operation_id);
      return it.done > 0 ? it : undefined;
    });
    expect(halfway).toMatchObject({ action: 'cancel', actor: 'api:admin', undo_until: null });
    expect(await ended(operation_id)).toMatchObject({ status: 'done', matched: 60, done: 60, stopped: null });
    expect(new Set(await phasesOf(ids))).toEqual(new Set(['cancelled']));
    const { items } = (await client.call<OperationList>('GET /operations?limit=1')).body;
    expect(items).toMatchObject([{ operation_id, wish: { filter: { queue } } }]);
  });

  it('is stopped through any gateway, and what it did can be undone', async () => {
    const ids = await submitMany(50);
    await projected();
    const { operation_id } = await cancel({ background: true, rate_per_second: 10 });
    expect((await undo(operation_id)).body).toMatchObject({ code: 'operation/not-undoable' });
    await other.call(`DELETE /operations/${operation_id}`);
    const stopped = await ended(operation_id);
    expect(stopped).toMatchObject({ status: 'stopped', stopped: 'Stopped by api:admin.', has_more: true });
    const phases = await phasesOf(ids);
    expect(phases.filter((phase) => phase === 'cancelled')).toHaveLength(stopped.done);
    expect(stopped.done).toBeLessThan(50);
    await projected();
    expect((await undo(operation_id)).body).toMatchObject({ done: stopped.done });
    expect(new Set(await phasesOf(ids))).toEqual(new Set(['ready']));
  });

  it('is interrupted when its gateway is killed, leaves no task half done, and can be undone', async () => {
    const ids = await submitMany(60);
    await projected();
    const { operation_id } = await cancel({ background: true, rate_per_second: 20 }, other);
    await waitUntil(async () => (await operation(operation_id)).done > 0);
    await other.kill();
    expect(await ended(operation_id)).toMatchObject({ status: 'interrupted', finished_at: null });
    const phases = await phasesOf(ids);
    expect(new Set(phases)).toEqual(new Set(['cancelled', 'ready']));
    await projected();
    expect((await undo(operation_id)).body).toMatchObject({
      done: phases.filter((phase) => phase === 'cancelled').length,
    });
    expect(new Set(await phasesOf(ids))).toEqual(new Set(['ready']));
  }, 30_000);

  it('ends with its gateway, which tells so', async () => {
    await submitMany(40);
    await projected();
    const { operation_id } = await cancel({ background: true, rate_per_second: 5 });
    await client.stop();
    expect((await log.buckets.operations.get(operation_id))?.value).toMatchObject({
      status: 'stopped',
      stopped: 'The gateway is stopping.',
      has_more: true,
    });
  });
});
