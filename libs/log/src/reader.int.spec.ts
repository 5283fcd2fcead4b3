import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NO_TASK, fold } from '@millrace/domain';
import type { Command, ExistingTask } from '@millrace/domain';
import { LogUnavailableError } from './errors.js';
import type { TaskLog } from './task-log.js';
import { Broker } from './testing/broker.js';
import { BY_TEST, CARD, newTask, readyIn, started, submit, succeeded } from './testing/tasks.js';
import { waitUntil } from './testing/wait-until.js';
import { subjects } from './topology.js';

let broker: Broker;
let log: TaskLog;
beforeAll(async () => {
  broker = await Broker.start();
  log = await broker.open();
});
afterAll(() => broker.stop());

const error = { name: 'Error', message: 'no disk' };

/** A life with every kind of turn: each command is decided on the state that the one before led to. */
async function longLife(ref: { queue: string; task_id: string }): Promise<void> {
  const token = (): Promise<number> => tokenOf(ref);
  const commands: (() => Promise<Command>)[] = [
    async () => ({ type: 'submit', spec: CARD.task, parameters: { film: 'a.mov' } }),
    async () => ({ type: 'claim', worker: 'w1', ticket: await ticketOf(ref) }),
    async () => ({ type: 'report-progress', token: await token(), progress: { percent: 10 } }),
    async () => ({
      type: 'record-step',
      token: await token(),
      step: { name: 'probe', type: 'step', order: 1, result: 1 },
    }),
    async () => ({ type: 'save-checkpoint', token: await token(), state: { frame: 7 } }),
    async () => ({ type: 'yield', token: await token(), reason: 'drain' }),
    async () => ({ type: 'claim', worker: 'w2', ticket: await ticketOf(ref) }),
    async () => ({ type: 'report-progress', token: await token(), progress: { percent: 20 } }),
    async () => ({ type: 'fail', token: await token(), error, retryable: true, duration_ms: 5 }),
    async () => ({ type: 'pause', reason: 'asked' }),
    async () => ({ type: 'resume' }),
    async () => ({ type: 'change-priority', priority: 9 }),
    async () => ({ type: 'move-to-front' }),
    async () => ({ type: 'claim', worker: 'w3', ticket: await ticketOf(ref) }),
    async () => ({ type: 'fail', token: await token(), error, retryable: false, duration_ms: 5 }),
    async () => ({ type: 'retry' }),
    async () => ({ type: 'cancel' }),
  ];
  for (const command of commands) {
    const next = await command();
    if (next.type === 'submit') {
      await log.append(ref, 0, readyIn('p5'), BY_TEST);
      continue;
    }
    expect((await log.change(ref, next, BY_TEST)).fact).toBeDefined();
    expect(await log.read.task(ref)).toEqual(fold(await log.read.history(ref), NO_TASK));
  }
}

const stateOf = async (ref: { queue: string; task_id: string }): Promise<ExistingTask> =>
  (await log.read.task(ref)) as ExistingTask;

async function tokenOf(ref: { queue: string; task_id: string }): Promise<number> {
  const state = await stateOf(ref);
  return state.phase === 'running' ? state.run.token : 0;
}

async function ticketOf(ref: { queue: string; task_id: string }): Promise<number> {
  const state = await stateOf(ref);
  return state.phase === 'ready' ? state.ticket : 0;
}

describe('the state of a task', () => {
  it('from the last fact of each kind is that from its whole history, at every turn of its life', async () => {
    const ref = newTask();
    await longLife(ref);
    expect(await log.read.task({ task_id: ref.task_id })).toEqual(await log.read.task(ref));
    expect(await log.read.current(ref)).toEqual(await log.read.task(ref));
  });

  it('of an unknown id is none', async () => {
    expect(await log.read.task({ queue: 'video', task_id: 'nobody' })).toBe(NO_TASK);
    expect(await log.read.task({ task_id: 'nobody' })).toBe(NO_TASK);
    expect(await log.read.current({ task_id: 'nobody' })).toBe(NO_TASK);
    expect(await log.read.lastFact({ queue: 'video', task_id: 'nobody' })).toBeUndefined();
    expect(await log.read.history({ queue: 'video', task_id: 'nobody' })).toEqual([]);
  });

  it('is found without its queue', async () => {
    const ref = newTask('some-queue_7');
    const { sequence } = await submit(log, ref);
    expect(await log.read.task({ task_id: ref.task_id })).toMatchObject({
      ...{ queue: ref.queue },
      sequence,
    });
  });

  it('is never mixed from the facts of two queues', async () => {
    const ref = newTask();
    const ticket = await submit(log, ref);
    await log.append(ref, ticket.sequence, started(ticket.sequence), BY_TEST);
    const newer = await submit(log, { ...ref, queue: 'audio' });
    expect(await log.read.task({ task_id: ref.task_id })).toMatchObject({
      phase: 'ready',
      queue: 'audio',
      sequence: newer.sequence,
    });
  });

  it('that does not become as new as is wanted is told to be unavailable', async () => {
    const ref = newTask();
    const { sequence } = await submit(log, ref);
    expect(await log.read.task(ref, sequence)).toMatchObject({ sequence });
    await expect(log.read.task(ref, sequence + 1)).rejects.toThrow(LogUnavailableError);
  });

  it('that left the log while it was read is not there, and not unavailable', async () => {
    const ref = newTask();
    const { sequence } = await submit(log, ref);
    await submit(log, newTask());
    await log.admin.purgeBelow(sequence + 1);
    expect(await log.read.task(ref, sequence)).toBe(NO_TASK);
  });

  it('can be read many at a time', async () => {
    const refs = Array.from({ length: 500 }, () => newTask());
    await Promise.all(refs.map((ref) => submit(log, ref)));
    const states = await Promise.all(refs.map((ref) => stateOf(ref)));
    expect(states.map(({ id }) => id)).toEqual(refs.map(({ task_id }) => task_id));
  });
});

describe('the history of a task', () => {
  it('stops after a sequence, or after the newest so many', async () => {
    const ref = newTask();
    const first = await submit(log, ref);
    const second = await log.append(ref, first.sequence, started(first.sequence), BY_TEST);
    const third = await log.append(ref, second.sequence, succeeded(), BY_TEST);
    expect(await log.read.history(ref, { after: first.sequence })).toEqual([second, third]);
    expect(await log.read.history(ref, { limit: 1 })).toEqual([third]);
  });
});

describe('the parameters of a task', () => {
  it('are those of its card', async () => {
    const ref = newTask();
    await submit(log, ref);
    expect(await log.read.parametersOf(await stateOf(ref))).toEqual(CARD.parameters);
  });

  it('are found in the fact that the card names when they are long', async () => {
    const ref = newTask();
    const { parameters: _none, ...card } = CARD;
    const long = { text: 'ü'.repeat(10_000) };
    const first = await log.append(
      ref,
      0,
      { kind: 'p5', data: { ...card, parameters: long, reason: 'submitted' } },
      BY_TEST,
    );
    const moved = await log.append(
      ref,
      first.sequence,
      { kind: 'p9', data: { ...card, input: first.sequence, reason: 'reprioritised' } },
      BY_TEST,
    );
    const fromLast = fold([moved], NO_TASK) as ExistingTask;
    expect(fromLast.parameters).toBeUndefined();
    expect(await log.read.parametersOf(fromLast)).toEqual(long);
  });

  it('are unavailable when that fact has left the log', async () => {
    const ref = newTask();
    await submit(log, ref);
    const { parameters: _gone, ...state } = await stateOf(ref);
    const orphan = { ...state, input: 1_000_000 } as ExistingTask;
    await expect(log.read.parametersOf(orphan)).rejects.toThrow(LogUnavailableError);
  });
});

describe('the next message on a filter', () => {
  it('is the first at or after a sequence, whatever else is in between', async () => {
    const ref = newTask();
    const first = await submit(log, ref);
    const ask = await log.ask(newTask(), 'stop', {});
    const second = await submit(log, newTask());
    expect(await log.read.nextOn(subjects.allTasks, first.sequence)).toMatchObject({
      sequence: first.sequence,
      subject: subjects.fact(ref, first.kind),
    });
    expect((await log.read.nextOn(subjects.allTasks, ask))?.sequence).toBe(second.sequence);
    expect(await log.read.nextOn(subjects.allTasks, second.sequence + 1)).toBeUndefined();
  });
});

describe('live progress', () => {
  it('is the last report', async () => {
    const ref = newTask();
    expect(await log.read.liveProgress(ref)).toBeUndefined();
    for (const percent of [1, 2, 3]) log.reportProgress(ref, JSON.stringify({ percent }));
    await waitUntil(async () => (await log.read.liveProgress(ref)) === '{"percent":3}');
  });

  it('is gone with the memory of the broker, and goes on after it', async () => {
    const ref = newTask();
    log.reportProgress(ref, '{"percent":1}');
    await waitUntil(async () => (await log.read.liveProgress(ref)) !== undefined);
    await broker.crash();
    expect(await log.read.liveProgress(ref)).toBeUndefined();
    await waitUntil(async () => {
      log.reportProgress(ref, '{"percent":2}');
      return (await log.read.liveProgress(ref)) === '{"percent":2}';
    });
  });
});

describe('the lines of a task', () => {
  const lineOf = (message: string) => ({
    at: '2026-01-01T00:00:00.000Z',
    level: 'info',
    message,
    attempt: 1,
    worker: 'w1',
    fields: {},
  });

  it('are read in order and page by page, those of no other task among them', async () => {
    const [ref, neighbour] = [newTask(), newTask()];
    const written = Array.from({ length: 25 }, (_, i) => `line ${i}`);
    for (const message of written) {
      log.writeLine(ref, lineOf(message));
      log.writeLine(neighbour, lineOf('another'));
    }
    await waitUntil(async () => (await log.read.logLines(neighbour, 0, 100)).length === 25);
    const read: string[] = [];
    for (let after = 0; ;) {
      const page = await log.read.logLines(ref, after, 10);
      read.push(...page.map(({ message }) => message));
      const last = page.at(-1);
      if (!last) break;
      after = last.sequence;
    }
    expect(read).toEqual(written);
    expect(await log.read.logLines(newTask(), 0, 10)).toEqual([]);
  });

  it('are the last thousand at most', async () => {
    const ref = newTask();
    for (let i = 1; i <= 1_200; i++) log.writeLine(ref, lineOf(`line ${i}`));
    const lines = (): Promise<{ message: string }[]> => log.read.logLines(ref, 0, 1_000);
    await waitUntil(async () => (await lines()).at(-1)?.message === 'line 1200');
    expect((await lines()).map(({ message }) => message)).toEqual(
      Array.from({ length: 1_000 }, (_, i) => `line ${i + 201}`),
    );
  });
});
