import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NO_TASK, decide } from '@millrace/domain';
import type { Command, ExistingTask, Fact, RunningTask } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import { createLogger } from '@millrace/runtime';
import { aSubmission, openTestLog, startTestNats, waitUntil } from '@millrace/testing';
import type { TestNats } from '@millrace/testing';
import { AttemptOvertakenError } from '../errors.js';
import { createHandler } from '../handlers/handler.js';
import type { TaskContext } from '../task-context.js';
import { TaskWorker } from '../task-worker.js';

const task = { queue: 'films', task_id: 'silent' };

describe('an attempt that was overtaken while its worker was away, and says nothing', () => {
  let nats: TestNats;
  let log: TaskLog;
  let worker: TaskWorker;

  beforeAll(async () => {
    nats = await startTestNats();
    log = await openTestLog(nats.url, { leaseSeconds: 1 });
  });

  afterAll(async () => {
    await worker.stop();
    await log.close();
    await nats.stop();
  });

  it('is stopped, and no longer keeps the ticket of its successor', async () => {
    let context: TaskContext | undefined;
    let attempts = 0;
    const handler = createHandler({ name: 'render', queue: task.queue }, (given) => {
      if (++attempts > 1) return Promise.resolve();
      context = given;
      return new Promise(() => undefined);
    });
    worker = new TaskWorker(new Map([[handler.name, handler]]), {
      natsUrl: nats.url,
      logger: createLogger({ app: 'worker', level: 'silent', format: 'json' }),
      leaseSeconds: 1,
      drainSeconds: 0,
      quietMs: 0,
    });
    await worker.start();
    const submitted = await append(aSubmission(), 0, NO_TASK);
    const { signal } = await waitUntil(() => context);
    // Another worker that got no answer from this one has taken over, and dies at once.
    const running = (await log.read.task(task)) as RunningTask;
    const { ticket } = running.run;
    expect(ticket).toBe(submitted.sequence);
    await append(
      { type: 'take-over', worker: 'dead-1-0', ticket, seen: running.sequence },
      running.sequence,
      running,
    );
    await waitUntil(() => signal.aborted);
    expect(signal.reason).toBeInstanceOf(AttemptOvertakenError);
    await waitUntil(async () => (await log.read.task(task)).phase === 'succeeded', { timeoutMs: 15_000 });
  });

  async function append(
    command: Command,
    expected: number,
    state: ExistingTask | typeof NO_TASK,
  ): Promise<Fact> {
    const event = decide(command, state, { now: Date.now(), random: 0 });
    if (!event) throw new Error(`${command.type} made no event.`);
    return log.append(task, expected, event, { actor: 'worker:dead-1-0' });
  }
});
