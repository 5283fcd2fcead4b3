import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Appender, MAX_IN_FLIGHT, conditionHeaders } from './appender.js';
import { Inbox, openConnection } from './connection.js';
import { ConcurrencyError, LogRefusedError } from './errors.js';
import { Outbox } from './outbox.js';
import type { TaskLog } from './task-log.js';
import { Broker } from './testing/broker.js';
import { BY_TEST, CARD, cancelled, newTask, readyIn, started, submit, succeeded } from './testing/tasks.js';

let broker: Broker;
let log: TaskLog;
let other: TaskLog;
beforeAll(async () => {
  broker = await Broker.start();
  [log, other] = await Promise.all([broker.open(), broker.open()]);
});
afterAll(() => broker.stop());

const WRITERS = 40;

/** As many writers as may collide, from two processes. */
const race = (
  write: (log: TaskLog, writer: number) => Promise<unknown>,
): Promise<PromiseSettledResult<unknown>[]> =>
  Promise.allSettled(Array.from({ length: WRITERS }, (_, writer) => write(writer % 2 ? log : other, writer)));

const won = (results: PromiseSettledResult<unknown>[]): number =>
  results.filter(({ status }) => status === 'fulfilled').length;

describe('a task', () => {
  it('is created by exactly one of many writers; the others learn its sequence', async () => {
    const ref = newTask();
    const results = await race((from) => submit(from, ref));
    expect(won(results)).toBe(1);
    const { sequence } = (await log.read.lastFact(ref))!;
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toEqual(new ConcurrencyError(0, sequence));
  });

  it('is claimed by exactly one of many workers', async () => {
    const ref = newTask();
    const ticket = await submit(log, ref);
    const results = await race((from, writer) =>
      from.append(ref, ticket.sequence, started(ticket.sequence, `w${writer}`), BY_TEST),
    );
    expect(won(results)).toBe(1);
    expect(await log.read.history(ref)).toHaveLength(2);
  });

  it('is not moved by who expects an earlier fact, who is told the last one', async () => {
    const ref = newTask();
    const ticket = await submit(log, ref);
    const claim = await log.append(ref, ticket.sequence, started(ticket.sequence), BY_TEST);
    const late = log.append(ref, ticket.sequence, cancelled(), BY_TEST);
    await expect(late).rejects.toEqual(new ConcurrencyError(ticket.sequence, claim.sequence));
    await expect(late).rejects.toMatchObject({ expected: ticket.sequence, actual: claim.sequence });
  });

  it('can be made in two queues under one id, but not if its id is to be unique', async () => {
    const ref = newTask('video');
    const first = await log.append(ref, 0, readyIn('p5'), { ...BY_TEST, uniqueId: true });
    const second = other.append({ ...ref, queue: 'audio' }, 0, readyIn('p5'), { ...BY_TEST, uniqueId: true });
    await expect(second).rejects.toMatchObject({ actual: first.sequence });
    await expect(submit(other, { ...ref, queue: 'audio' })).resolves.toMatchObject({ queue: 'audio' });
  });

  it('gets a unique id from exactly one of many writers in many queues', async () => {
    const { task_id } = newTask();
    const results = await race((from, writer) =>
      from.append({ queue: `q${writer}`, task_id }, 0, readyIn('p5'), { ...BY_TEST, uniqueId: true }),
    );
    expect(won(results)).toBe(1);
  });
});

describe('a fact', () => {
  it('says where it stands, what it was conditional on, who wrote it and when', async () => {
    const ref = newTask();
    const fact = await log.append(ref, 0, readyIn('p5'), { actor: 'api:me', now: Date.UTC(2026, 0, 1) });
    expect(fact).toEqual({
      ...ref,
      ...readyIn('p5'),
      sequence: fact.sequence,
      id: fact.id,
      prev: 0,
      at: '2026-01-01T00:00:00.000Z',
      actor: 'api:me',
    });
    expect(await log.read.lastFact(ref)).toEqual(fact);
  });

  it('takes no more than queue and id from what names its task', async () => {
    const ref = newTask();
    const ticket = await submit(log, ref);
    const claim = await log.append(ticket, ticket.sequence, started(ticket.sequence), BY_TEST);
    expect(claim).toEqual(await log.read.factAt(claim.sequence));
  });

  it('that is too long is refused, also when the broker is away, and the writes beside it are not disturbed', async () => {
    const long = { ...CARD, parameters: 'x'.repeat(2 * 1024 * 1024), reason: 'submitted' as const };
    const refused = log.append(newTask(), 0, { kind: 'p5', data: long }, BY_TEST);
    const beside = submit(log, newTask());
    await expect(refused).rejects.toThrow(LogRefusedError);
    await beside;
    await broker.kill();
    const away = log.append(newTask(), 0, { kind: 'p5', data: long }, BY_TEST);
    await expect(away).rejects.toThrow('bytes; the log takes 1048576 at most.');
    const besideLater = submit(log, newTask());
    await broker.restart();
    await besideLater;
  });

  it('of several in a row is chained to the one before', async () => {
    const ref = newTask();
    const first = await submit(log, ref);
    const second = await log.append(ref, first.sequence, started(first.sequence), BY_TEST);
    const third = await log.append(ref, second.sequence, succeeded(), BY_TEST);
    expect((await log.read.history(ref)).map(({ sequence, prev }) => [sequence, prev])).toEqual([
      [first.sequence, 0],
      [second.sequence, first.sequence],
      [third.sequence, second.sequence],
    ]);
  });
});

describe('the appender', () => {
  it('has no more in flight than its bound, and stores all that waits', async () => {
    const connection = await openConnection({ url: broker.url, name: 'appender' });
    const inbox = new Inbox(connection);
    const appender = new Appender(connection, inbox, new Outbox(connection));
    let most = 0;
    const writes = Array.from({ length: 2.5 * MAX_IN_FLIGHT }, async (_, i) => {
      const write = {
        subject: `ops.bound.n${i}`,
        payload: '{}',
        headers: conditionHeaders(0, `ops.bound.n${i}`),
      };
      const stored = appender.append(write, 0);
      most = Math.max(most, appender.inFlight);
      return stored;
    });
    expect(new Set(await Promise.all(writes)).size).toBe(2.5 * MAX_IN_FLIGHT);
    expect(most).toBe(MAX_IN_FLIGHT);
    appender.stop();
    await connection.close();
  });
});
