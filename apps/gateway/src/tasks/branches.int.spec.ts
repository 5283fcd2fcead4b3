import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Json, TaskSpec } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import { SweepQueries, openDatabase } from '@millrace/read-model';
import type { Problem } from '../http/problem.js';
import { archive } from '../testing/archiver.js';
import type { GatewayClient } from '../testing/gateway-client.js';
import type { TaskDriver } from '../testing/task-driver.js';
import { startArchivingGateway } from '../testing/test-gateway.js';
import type { ArchivingGateway } from '../testing/test-gateway.js';
import type { BranchedTask } from './branch-task.schema.js';
import type { TaskDiff } from './task-diff.schema.js';
import type { TaskView } from './task-view.schema.js';

let gateway: ArchivingGateway;
let databaseUrl: string;
let log: TaskLog;
let driver: TaskDriver;
let client: GatewayClient;

const schema = {
  type: 'object',
  properties: { codec: { type: 'string' } },
  required: ['codec'],
  additionalProperties: true,
};

beforeAll(async () => {
  gateway = await startArchivingGateway({
    handlers: [
      { name: 'encode', queue: 'default', parameters: schema },
      { name: 'encode_slowly', queue: 'slow', time_limit: 9_000, soft_time_limit: 8_000 },
    ],
  });
  ({ log, driver, client, databaseUrl } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const submit = (more: Record<string, unknown> = {}): Promise<string> =>
  client.submit({ task_name: 'encode', parameters: { codec: 'av1' }, ...more });

const branch = (taskId: string, body?: object) =>
  client.call<Omit<BranchedTask, 'status'> & Problem>(`POST /tasks/${taskId}/branch`, body ? { body } : {});

const get = async (taskId: string): Promise<TaskView> =>
  (await client.call<TaskView>(`GET /tasks/${taskId}`)).body;

const firstFact = async ({ task_id, queue }: Pick<BranchedTask, 'task_id' | 'queue'>) =>
  (await log.read.history({ task_id, queue }))[0];

async function refused(taskId: string, body: object): Promise<Problem & { status: number }> {
  const { lastSequence } = await log.admin.state();
  const { status, body: problem } = await branch(taskId, body);
  expect((await log.admin.state()).lastSequence).toBe(lastSequence);
  return { ...problem, status };
}

/** A run with a step, a checkpoint that keeps it, and two steps since. */
async function aRun(more: Record<string, unknown> = {}) {
  const id = await submit(more);
  await driver.start(id);
  const probe = (await driver.step(id, 'probe', 24)).sequence;
  const checkpoint = (await driver.checkpoint(id, { next: 1 }, { probe })).sequence;
  const mix = (await driver.step(id, 'mix', 'a')).sequence;
  const mux = (await driver.step(id, 'mux', 'b', [mix])).sequence;
  return { id, probe, checkpoint, mix, mux };
}

describe('a branch', () => {
  it('starts from the last step of the run, and takes over what that builds on', async () => {
    const run = await aRun({ tags: ['film'], user_id: 'ute', unique_key: 'k1', priority: 7 });
    const { status, body } = await branch(run.id);
    expect(status).toBe(202);
    expect(body).toEqual({
      task_id: expect.any(String),
      branched_from: { task_id: run.id, sequence: run.mux },
      status: 'PENDING',
      queue: 'default',
      sequence: expect.any(Number),
    });
    const first = await firstFact(body);
    expect(first).toMatchObject({
      kind: 'p7',
      prev: 0,
      actor: 'api:admin',
      data: {
        reason: 'branched',
        checkpoint: run.checkpoint,
        step: run.mux,
        parameters: { codec: 'av1' },
        attempts: { begun: 0, failed: 0, lost: 0 },
        task: {
          tags: ['film'],
          user_id: 'ute',
          branched_from: { task_id: run.id, sequence: run.mux, oldest: run.probe },
        },
      },
    });
    expect(first!.data).not.toHaveProperty('task.unique_key');
    expect((await log.read.task({ task_id: run.id })).phase).toBe('running');
  });

  it('starts from the checkpoint or the step that is named, with other parameters', async () => {
    const run = await aRun();
    const parameters = { codec: 'h264' };
    const atCheckpoint = await branch(run.id, { from_sequence: run.checkpoint, parameters });
    expect((await firstFact(atCheckpoint.body))!.data).toMatchObject({
      checkpoint: run.checkpoint,
      parameters,
    });
    expect((await firstFact(atCheckpoint.body))!.data).not.toHaveProperty('step');
    const atStep = await branch(run.id, { from_sequence: run.probe });
    expect((await firstFact(atStep.body))!.data).toMatchObject({
      step: run.probe,
      task: { branched_from: { oldest: run.probe } },
    });
  });

  it('finds the oldest of many steps by their links', async () => {
    const id = await submit();
    await driver.start(id);
    const steps: number[] = [];
    for (let number = 0; number < 70; number++)
      steps.push((await driver.step(id, `s${number}`, number, steps.slice(-32).reverse())).sequence);
    const { body } = await branch(id);
    expect((await firstFact(body))!.data).toMatchObject({ task: { branched_from: { oldest: steps[0] } } });
  });

  it('of a run without any is a copy', async () => {
    const id = await submit();
    const { body } = await branch(id, { priority: 2 });
    expect(body.branched_from).toEqual({ task_id: id, sequence: 0 });
    expect(await firstFact(body)).toMatchObject({
      kind: 'p2',
      data: { reason: 'branched', parameters: { codec: 'av1' } },
    });
  });

  it('of a branch that has done nothing yet starts where that one does', async () => {
    const run = await aRun();
    const { body: one } = await branch(run.id);
    const { body: other } = await branch(one.task_id);
    expect(other.branched_from).toEqual({ task_id: one.task_id, sequence: run.mux });
    expect((await firstFact(other))!.data).toMatchObject({ checkpoint: run.checkpoint, step: run.mux });
  });

  it('runs another handler in its queue, by its limits', async () => {
    const run = await aRun();
    const { body } = await branch(run.id, { task_name: 'encode_slowly' });
    expect(body.queue).toBe('slow');
    expect((await firstFact(body))!.data).toMatchObject({
      task: { name: 'encode_slowly', time_limit: 9_000 },
    });
    expect((await branch(run.id, { queue: 'slow' })).body.queue).toBe('slow');
  });

  it('is refused with a sentence, and nothing is written', async () => {
    const run = await aRun();
    const other = await aRun();
    expect(await refused(run.id, { parameters: { codec: 1 } })).toMatchObject({
      status: 400,
      code: 'task/invalid-parameters',
    });
    for (const from_sequence of [other.checkpoint, 1, 999_999])
      expect(await refused(run.id, { from_sequence })).toMatchObject({
        status: 400,
        detail: expect.stringContaining('no checkpoint or step of this task'),
      });
    expect(await refused(run.id, { task_name: 'nobody' })).toMatchObject({ code: 'task/unknown-name' });
    expect(await refused(run.id, { queue: 'nowhere' })).toMatchObject({ code: 'task/unknown-queue' });
    expect(await refused(run.id, { parameters: { codec: 'x'.repeat(600_000) } })).toMatchObject({
      status: 413,
    });
    expect(await refused(run.id, { from_sequence: 0 })).toMatchObject({ code: 'request/invalid' });
  });
});

describe('a task and its branches', () => {
  it('name each other', async () => {
    const run = await aRun();
    const { body: branched } = await branch(run.id);
    expect(await get(branched.task_id)).toMatchObject({
      branched_from: { task_id: run.id, sequence: run.mux },
      branches: [],
    });
    await archive(log, databaseUrl);
    expect(await get(run.id)).toMatchObject({ branched_from: null, branches: [branched.task_id] });
    // While it has not ended, the log keeps what it takes over.
    const database = openDatabase(databaseUrl);
    const live = await new SweepQueries(database).unfinishedBelow(branched.sequence + 1);
    await database.close();
    expect(live.find(({ id }) => id === branched.task_id)?.first_sequence).toBe(run.probe);
  });

  it('are compared step by step', async () => {
    const run = await aRun();
    await driver.succeed(run.id, { film: 'av1' });
    const { body } = await branch(run.id, {
      from_sequence: run.checkpoint,
      parameters: { codec: 'h264', crf: 23 },
    });
    await driver.start(body.task_id);
    await driver.step(body.task_id, 'mix', 'a');
    await driver.step(body.task_id, 'mux', 'c');
    await driver.fail(body.task_id, 'no disk', false, 'DiskError');
    const diff = await client.call<TaskDiff & Problem>(`GET /tasks/${run.id}/diff?with=${body.task_id}`);
    expect(diff.status).toBe(200);
    expect(diff.body).toMatchObject({
      left: run.id,
      right: body.task_id,
      parameters_changed: ['codec', 'crf'],
      attempts: { same: false, left: [{ outcome: 'succeeded' }], right: [{ outcome: 'failed' }] },
      result: {
        same: false,
        left: { status: 'SUCCESS', result: { film: 'av1' }, error: null },
        right: { status: 'FAILURE', result: null, error: { name: 'DiskError' } },
      },
      totals: { left: { steps: 4, attempts: 1 }, right: { steps: 4, attempts: 1 } },
    });
    const shown = diff.body.steps.map(({ name, left, right, same }) => [
      name,
      left?.output as Json,
      right?.output as Json,
      right?.task_id === run.id,
      same,
    ]);
    expect(shown).toEqual([
      ['probe', 24, 24, true, true],
      ['checkpoint', { next: 1 }, { next: 1 }, true, true],
      ['mix', 'a', 'a', false, true],
      ['mux', 'b', 'c', false, false],
    ]);
    expect(await client.call(`GET /tasks/${run.id}/diff`)).toMatchObject({ status: 400 });
    expect(await client.call(`GET /tasks/${run.id}/diff?with=nobody`)).toMatchObject({ status: 404 });
  });

  it('go on from what the log has let go of, and part when it was not kept', async () => {
    const run = await aRun();
    await driver.succeed(run.id, null);
    const plain = await submit();
    await driver.start(plain);
    await driver.succeed(plain, null);
    await archive(log, databaseUrl);
    const last = await log.read.lastOn('tasks.>');
    await log.admin.purgeBelow(last!.sequence + 1);
    const taken = await branch(run.id, { from_sequence: run.checkpoint });
    expect(taken.status).toBe(202);
    const fact = await firstFact(taken.body);
    expect(fact).toMatchObject({ data: { checkpoint: run.checkpoint, reason: 'branched' } });
    expect((await log.read.recordAt(run.checkpoint))?.kind).toBe('checkpoint');
    const branched = (fact!.data as { task: TaskSpec }).task.branched_from;
    expect(branched?.oldest).toBeGreaterThanOrEqual(last!.sequence);
    const copy = await branch(plain);
    expect(copy.status).toBe(202);
    expect(await firstFact(copy.body)).toMatchObject({ data: { parameters: { codec: 'av1' } } });
    const database = openDatabase(databaseUrl);
    await database.rows('DELETE FROM task_events WHERE task_id = $1', [run.id]);
    await database.close();
    await log.kept
      .byOwner()
      .then((kept) =>
        Promise.all([...kept.values()].flat().map((subject) => log.kept.dropOlder(subject, Infinity))),
      );
    const gone = await refused(run.id, { from_sequence: run.checkpoint });
    expect(gone).toMatchObject({ status: 409, code: 'task/archived' });
  });
});
