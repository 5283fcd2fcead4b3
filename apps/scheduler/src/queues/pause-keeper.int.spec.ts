import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LANES } from '@millrace/domain';
import { settlePause, streams } from '@millrace/log';
import type { QueueRecord, TaskLog } from '@millrace/log';
import { createLogger } from '@millrace/runtime';
import { openTestLog, startTestNats } from '@millrace/testing';
import type { TestNats } from '@millrace/testing';
import { PauseKeeper } from './pause-keeper.js';

const logger = createLogger({ app: 'test', level: 'fatal', format: 'json' });
let nats: TestNats;
let log: TaskLog;
let keeper: PauseKeeper;

beforeAll(async () => {
  nats = await startTestNats();
  log = await openTestLog(nats.url);
  keeper = new PauseKeeper(log, logger);
});
afterAll(async () => {
  await log.close();
  await nats.stop();
});

const by = (agoMs: number) => ({ at: new Date(Date.now() - agoMs).toISOString(), actor: 'api:test' });

/** Writes the record as a gateway that dies right after it. */
async function aQueue(queue: string, state: Partial<QueueRecord>): Promise<void> {
  await log.provisionQueue(queue, 'test');
  await log.buckets.queues.put(queue, { name: queue, defined_by: 'test', ...state });
}

const goRound = () => keeper.round(new AbortController().signal);

const pausedLanes = async (queue: string): Promise<number> =>
  (await log.admin.lanes(queue)).filter(({ isPaused }) => isPaused).length;

async function lastTold(verb: string): Promise<Record<string, unknown>> {
  const message = await log.read.lastOn(`ops.queue.${verb}`, streams.ops.name);
  return JSON.parse(message?.payload ?? '{}') as Record<string, unknown>;
}

describe('the keeper of pauses', () => {
  it('ends a pause that was begun, and tells it', async () => {
    await aQueue('begun', { paused: by(9_000), announce: { verb: 'paused', ...by(9_000), reason: 'full' } });
    expect(await goRound()).toBe(false);
    expect(await pausedLanes('begun')).toBe(12);
    expect(await lastTold('paused')).toMatchObject({ queue: 'begun', actor: 'api:test', reason: 'full' });
    expect((await log.buckets.queues.get('begun'))?.value).not.toHaveProperty('announce');
  });

  it('ends a resume that was begun, also when only the telling is missing', async () => {
    await aQueue('ended', { paused: by(0) });
    await settlePause(log, 'ended');
    await log.buckets.queues.put('ended', { name: 'ended', defined_by: 'test' });
    await settlePause(log, 'ended');
    await aQueue('ended', { announce: { verb: 'resumed', ...by(9_000) } });
    await goRound();
    expect(await lastTold('resumed')).toMatchObject({ queue: 'ended', actor: 'api:test' });
    expect((await log.buckets.queues.get('ended'))?.value).not.toHaveProperty('announce');
  });

  it('leaves to its author what has just begun', async () => {
    await aQueue('fresh', { paused: by(0), announce: { verb: 'paused', ...by(0) } });
    await goRound();
    expect(await pausedLanes('fresh')).toBe(0);
  });

  it('takes back what somebody did to the consumers by hand, and tells it so that workers pull anew', async () => {
    await aQueue('by-hand', {});
    await log.admin.setPaused('by-hand', 'p5', true);
    await goRound();
    expect(await pausedLanes('by-hand')).toBe(0);
    expect(await lastTold('resumed')).toMatchObject({ queue: 'by-hand', actor: 'scheduler' });
  });

  it('does nothing to queues that are as their records say', async () => {
    const before = await log.read.lastOn('ops.>', streams.ops.name);
    await aQueue('plain', {});
    await goRound();
    expect((await log.read.lastOn('ops.>', streams.ops.name))?.sequence).toBe(before?.sequence);
    expect(await pausedLanes('plain')).toBe(0);
    expect((await log.admin.lanes('plain')).map(({ lane }) => lane)).toEqual([...LANES]);
  });
});
