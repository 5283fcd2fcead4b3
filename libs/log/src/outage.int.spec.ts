import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Fact } from '@millrace/domain';
import { ConcurrencyError, LogUnavailableError } from './errors.js';
import type { TaskLog } from './task-log.js';
import { Broker } from './testing/broker.js';
import { Proxy } from './testing/proxy.js';
import { BY_TEST, cancelled, newTask, readyIn, runOf, started, submit, waiting } from './testing/tasks.js';
import { waitUntil } from './testing/wait-until.js';

let broker: Broker;
let proxy: Proxy;
let log: TaskLog;
/** Its answers can be lost. */
let writer: TaskLog;
beforeAll(async () => {
  broker = await Broker.start();
  proxy = await Proxy.before(broker.url);
  [log, writer] = await Promise.all([broker.open(), broker.open({ url: proxy.url })]);
});
afterAll(async () => {
  await broker.stop();
  proxy.stop();
});

describe('a write whose answer is lost', () => {
  /** Sends the write, loses the answer, and cuts the connection after `meanwhile`. */
  async function losingTheAnswer<T>(write: () => Promise<T>, meanwhile: () => Promise<unknown>): Promise<T> {
    proxy.holdAnswers();
    const written = write();
    written.catch(() => undefined);
    await meanwhile();
    proxy.cut();
    return written;
  }

  const isStored = (ref: { queue: string; task_id: string }): Promise<void> =>
    waitUntil(async () => (await log.read.lastFact(ref)) !== undefined);

  it('is recognised as stored and not stored again', async () => {
    const ref = newTask();
    const fact = await losingTheAnswer(
      () => submit(writer, ref),
      () => isStored(ref),
    );
    expect(await log.read.history(ref)).toEqual([fact]);
  });

  it('is recognised although others have moved the task since', async () => {
    const ref = newTask();
    const fact = await losingTheAnswer(
      () => submit(writer, ref),
      async () => {
        await isStored(ref);
        const { sequence } = (await log.read.lastFact(ref))!;
        const claim = await log.append(ref, sequence, started(sequence), BY_TEST);
        await log.append(ref, claim.sequence, cancelled(), BY_TEST);
      },
    );
    const history = await log.read.history(ref);
    expect(history.map(({ kind }) => kind)).toEqual(['p5', 'started', 'cancelled']);
    expect(history[0]).toEqual(fact);
  });

  it('with a unique id is not mistaken for the task of another queue', async () => {
    const ref = newTask();
    const unique = { ...BY_TEST, uniqueId: true };
    const rival = await log.append({ ...ref, queue: 'audio' }, 0, readyIn('p5'), unique);
    const refused = losingTheAnswer(
      () => writer.append(ref, 0, readyIn('p5'), unique),
      () => new Promise((go) => setTimeout(go, 50)),
    );
    await expect(refused).rejects.toEqual(new ConcurrencyError(0, rival.sequence));
  });

  it('is refused when somebody else was first', async () => {
    const ref = newTask();
    const ticket = await submit(log, ref);
    const refused = losingTheAnswer(
      async () => {
        // The rival's claim arrives before this one.
        const rival = await log.append(ref, ticket.sequence, started(ticket.sequence, 'rival'), BY_TEST);
        expect(rival.kind).toBe('started');
        return writer.append(ref, ticket.sequence, started(ticket.sequence, 'late'), BY_TEST);
      },
      () => new Promise((go) => setTimeout(go, 50)),
    );
    await expect(refused).rejects.toThrow(ConcurrencyError);
  });

  it('arms one timer for a wait', async () => {
    const ref = newTask();
    const wait = await losingTheAnswer(
      () => writer.append(ref, 0, waiting(3_600_000), BY_TEST),
      () => isStored(ref),
    );
    expect(await log.admin.hasTimer(ref, wait.sequence)).toBe(true);
  });

  it('that is an ask is stored once', async () => {
    const ref = newTask();
    const subject = `asks.video.signal.${ref.task_id}`;
    proxy.holdAnswersFrom(`HPUB ${subject}`);
    const asked = writer.ask(ref, 'signal', { name: 'approved' });
    await waitUntil(() => log.admin.hasMessages(subject));
    const rival = await log.ask(ref, 'signal', { name: 'approved' });
    proxy.cut();
    expect(await asked).toBeLessThan(rival);
    expect((await log.read.lastOn(subject))?.sequence).toBe(rival);
    const again = await writer.ask(ref, 'signal', { name: 'approved' });
    expect(again).toBeGreaterThan(rival);
  });
});

describe('while the broker is away', () => {
  it('a write waits and is stored when it is back', async () => {
    const ref = newTask();
    await broker.kill();
    const written = submit(log, ref);
    await waitUntil(() => !log.connected);
    await broker.restart();
    expect(await log.read.lastFact(ref)).toEqual(await written);
  });

  it('a write with a deadline gives up in time', async () => {
    await broker.kill();
    const begun = performance.now();
    const write = log.append(newTask(), 0, readyIn('p5'), { ...BY_TEST, deadlineMs: 300 });
    await expect(write).rejects.toThrow(LogUnavailableError);
    expect(performance.now() - begun).toBeLessThan(1_000);
    await broker.restart();
  });

  it('a write gives up when its signal aborts, with its reason', async () => {
    await broker.kill();
    const controller = new AbortController();
    const write = log.append(newTask(), 0, readyIn('p5'), { ...BY_TEST, signal: controller.signal });
    const reason = new Error('asked to stop');
    controller.abort(reason);
    await expect(write).rejects.toBe(reason);
    await broker.restart();
  });

  it('a read is answered as soon as it is back', async () => {
    const ref = newTask();
    await submit(log, ref);
    await broker.kill();
    const read = log.read.lastFact(ref);
    await broker.restart();
    await waitUntil(() => log.connected);
    const back = performance.now();
    expect(await read).toBeDefined();
    expect(performance.now() - back).toBeLessThan(1_000);
  });
});

describe('what runs while the broker is away', () => {
  it('stops without waiting for it', async () => {
    const leaving = await broker.open();
    await leaving.provisionQueue('leaving', 'test');
    leaving.follow({ stream: 'TASKS', from: 1, filters: ['tasks.>'], onMessages: () => undefined });
    leaving.pull({ queues: ['leaving'], free: () => 1, onTicket: () => undefined });
    await leaving.buckets.queues.watch(() => undefined);
    await broker.kill();
    await waitUntil(() => !leaving.connected);
    const write = expect(submit(leaving, newTask())).rejects.toThrow(LogUnavailableError);
    await new Promise((go) => setTimeout(go, 300));
    const begun = performance.now();
    await leaving.close();
    expect(performance.now() - begun).toBeLessThan(1_000);
    await write;
    await broker.restart();
  });
});

describe('under load, with the broker killed again and again', () => {
  it('every write is stored exactly once, in the chain its writer made', async () => {
    const CHAINS = 200;
    let stopped = false;
    const chain = async (): Promise<Fact[]> => {
      const ref = newTask('chaos');
      const facts = [await submit(log, ref)];
      for (let percent = 0; !stopped; percent = (percent + 1) % 100) {
        const last = facts.at(-1)!;
        const event =
          facts.length === 1
            ? started(last.sequence)
            : { kind: 'progress' as const, data: { run: runOf(facts[1]!), progress: { percent } } };
        facts.push(await log.append(ref, last.sequence, event, BY_TEST));
      }
      return facts;
    };
    const chains = Array.from({ length: CHAINS }, chain);
    for (let kill = 0; kill < 6; kill++) {
      await new Promise((go) => setTimeout(go, 100 + Math.random() * 200));
      await broker.crash();
    }
    stopped = true;
    const written = (await Promise.all(chains)).flat();
    const stored: number[] = [];
    const follower = log.follow({
      stream: 'TASKS',
      from: 1,
      filters: ['tasks.chaos.>'],
      onMessages: (messages) => {
        stored.push(...messages.map(({ sequence }) => sequence));
      },
    });
    const sequences = written.map(({ sequence }) => sequence).sort((a, b) => a - b);
    await waitUntil(() => stored.length >= sequences.length);
    await follower.stop();
    expect(stored).toEqual(sequences);
    // Each was met in the midst of its writes, however slow the machine is.
    expect(written.length).toBeGreaterThan(CHAINS * 2);
  }, 60_000);
});
