import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { streams, subjects } from '@millrace/log';
import type { StoredMessage, TaskLog } from '@millrace/log';
import { createLogger } from '@millrace/runtime';
import { openTestLog, startTestNats, waitUntil } from '@millrace/testing';
import type { TestNats } from '@millrace/testing';
import { followStream } from './follow-stream.js';
import { LagMeter } from './lag-meter.js';
import { submit } from './testing/world.js';

const SOURCE = { stream: streams.tasks.name, filter: subjects.allTasks };

let nats: TestNats;
let log: TaskLog;
beforeAll(async () => {
  nats = await startTestNats();
  log = await openTestLog(nats.url);
});
afterAll(async () => {
  await log.close();
  await nats.stop();
});

/** Follows the log from its beginning. */
function following(signal: AbortSignal): { written: string[]; done: Promise<void> } {
  const written: string[] = [];
  const done = followStream({
    log,
    ...SOURCE,
    from: 1,
    batch: 10,
    write: (batch: StoredMessage[]) => {
      written.push(...batch.map(({ subject }) => subject));
      return Promise.resolve();
    },
    meterOf: (pending) => new LagMeter(log, SOURCE, { sequence: 0, beat: () => Promise.resolve() }, pending),
    ended: new Promise(() => undefined),
    logger: createLogger({ app: 'test', level: 'fatal', format: 'json' }),
    signal,
  });
  return { written, done };
}

describe('following a stream', () => {
  it('ends after the batch in hand when it is told to stop', async () => {
    await submit(log, 'one');
    const controller = new AbortController();
    const { written, done } = following(controller.signal);
    await waitUntil(() => written.length > 0);
    controller.abort();
    await done;
    expect(written).toHaveLength(1);
  });

  it('ends when it was told to stop before it began', async () => {
    const { written, done } = following(AbortSignal.abort());
    await done;
    expect(written).toEqual([]);
  });
});
