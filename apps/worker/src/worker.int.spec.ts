import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NO_TASK, decide } from '@millrace/domain';
import { PRESENCE_SECONDS } from '@millrace/log';
import type { TaskLog, WorkerRecord } from '@millrace/log';
import { aSubmission, openTestLog, spawnApp, startTestNats, waitUntil } from '@millrace/testing';
import type { TestApp, TestNats } from '@millrace/testing';

const MAIN = new URL('./main.js', import.meta.url);
const STARTS_WITHIN_MS = 30_000;
const QUEUE = 'default';

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

const run = (...args: string[]): TestApp => spawnApp(MAIN, { NATS_URL: nats.url }, args);

const start = async (...args: string[]): Promise<{ app: TestApp; id: string }> => {
  const app = run(...args);
  const line = await app.line('Worker started', STARTS_WITHIN_MS);
  return { app, id: (JSON.parse(line) as { worker: string }).worker };
};

/** A task of the samples that takes a second for each of its count. */
const submit = async (count: number): Promise<string> => {
  const task_id = crypto.randomUUID();
  const parameters = { message: 'hello', count };
  const command = { ...aSubmission({ name: 'my_simple_task' }), parameters };
  const event = decide(command, NO_TASK, { now: Date.now(), random: 0 });
  await log.append({ queue: QUEUE, task_id }, 0, event!, { actor: 'api:test' });
  return task_id;
};

const recordOf = async (id: string): Promise<WorkerRecord | undefined> =>
  (await log.buckets.workers.get(id))?.value;

const phaseOf = async (task_id: string): Promise<string> =>
  (await log.read.task({ queue: QUEUE, task_id })).phase;

describe('a worker process', () => {
  it('is shown with the task it runs, and is gone when it is stopped', async () => {
    const { app, id } = await start('--queues', QUEUE, '--name', 'mill', '--drain-seconds', '0');
    const task = await submit(60);
    const record = await waitUntil(
      async () => {
        const found = await recordOf(id);
        return found?.running_count === 1 && found;
      },
      { timeoutMs: 15_000 },
    );
    expect(record).toMatchObject({ pid: app.pid, queues: [QUEUE], running: [{ task_id: task }] });
    expect(await app.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await recordOf(id)).toBeUndefined();
    expect(await phaseOf(task)).toBe('ready');
    await log.change({ queue: QUEUE, task_id: task }, { type: 'cancel' }, { actor: 'api:test' });
  }, 60_000);

  // From here on beside each other: the first one waits for half a minute.
  it.concurrent(
    'that was killed is shown no longer than its signs of life last',
    async () => {
      const { app, id } = await start('--queues', 'another');
      await waitUntil(() => recordOf(id));
      await app.kill('SIGKILL');
      expect(await recordOf(id)).toBeDefined();
      await waitUntil(async () => (await recordOf(id)) === undefined, {
        timeoutMs: (PRESENCE_SECONDS + 5) * 1000,
        every: 200,
      });
    },
    90_000,
  );

  it.concurrent(
    'of a burst works until its queue is empty, and exits 0',
    async () => {
      const tasks = await Promise.all([submit(1), submit(1), submit(1)]);
      const app = run('--queues', QUEUE, '--burst', '--concurrency', '2');
      expect(await app.exited).toEqual({ code: 0, signal: null });
      for (const task of tasks) expect(await phaseOf(task)).toBe('succeeded');
      expect(app.lines.join('\n')).toContain('The queues are empty');
    },
    60_000,
  );

  it.concurrent(
    'with wrong settings tells all of them and exits 2',
    async () => {
      const app = run('--concurrency', 'many', '--quees', 'a');
      expect(await app.exited).toEqual({ code: 2, signal: null });
      expect(app.lines).toEqual([
        'The configuration has 2 faults:',
        '  - There is no option --quees.',
        '  - --concurrency must be a whole number from 1 to 10000, not "many".',
      ]);
    },
    30_000,
  );

  it.concurrent(
    'with handlers that are not there, or that it may not run, exits 2',
    async () => {
      const lost = run('--handlers', './nowhere.js,@millrace/nothing');
      expect(await lost.exited).toEqual({ code: 2, signal: null });
      expect(lost.lines).toContainEqual(expect.stringContaining('./nowhere.js cannot be found'));
      expect(lost.lines).toContainEqual(expect.stringContaining('@millrace/nothing cannot be found'));
    },
    30_000,
  );

  it.concurrent(
    'tells how it is used, and which version it is',
    async () => {
      const [help, version] = [run('--help'), run('--version')];
      expect(await Promise.all([help.exited, version.exited])).toEqual([
        { code: 0, signal: null },
        { code: 0, signal: null },
      ]);
      expect(help.lines[0]).toContain('Usage:');
      expect(version.lines).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
    },
    30_000,
  );
});
