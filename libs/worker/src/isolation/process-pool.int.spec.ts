import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Json } from '@millrace/domain';
import { waitUntil } from '@millrace/testing';
import {
  SoftTimeLimitExceeded,
  TaskCancelledError,
  TimeLimitExceeded,
  UnrecoverableError,
  WorkerStoppingError,
} from '../errors.js';
import type { PoolLogger } from './child-program.js';
import { HandlerProcessDied, HandlerProcessStartError, MemoryLimitExceeded } from './errors.js';
import type { IsolatedRun, RunLink } from './isolated-run.js';
import { ProcessPool } from './process-pool.js';
import type { PoolOptions } from './process-pool.js';

const HANDLERS = fileURLToPath(new URL('./testing/handlers.entry.js', import.meta.url));
const PARENT = fileURLToPath(new URL('./testing/parent.entry.js', import.meta.url));
const MIB = 1024 ** 2;

interface Line {
  level: string;
  fields: Record<string, unknown>;
  text: string;
}

const pools: ProcessPool[] = [];

function openPool(options: Partial<PoolOptions> & { mode?: string } = {}): {
  pool: ProcessPool;
  lines: Line[];
} {
  const { mode, ...others } = options;
  const lines: Line[] = [];
  const note = (level: string) => (fields: Record<string, unknown>, text: string) =>
    lines.push({ level, fields, text });
  const logger = { info: note('info'), warn: note('warn'), error: note('error') } as unknown as PoolLogger;
  const pool = new ProcessPool({
    entry: { file: HANDLERS, args: mode === undefined ? [] : [mode] },
    size: 1,
    logger,
    ...others,
  });
  pools.push(pool);
  return { pool, lines };
}

/** A link whose notifications can be waited for. */
function listen(call: RunLink['call'] = async () => null) {
  const heard: { method: string; args: Json[] }[] = [];
  const link: RunLink = { call, notify: (method, args) => heard.push({ method, args }) };
  const hears = (method: string) => waitUntil(() => heard.find((each) => each.method === method));
  return { link, heard, hears };
}

const run = (pool: ProcessPool, handler: string, fields: Record<string, Json> = {}, link = listen().link) =>
  pool.run({ handler, ...fields }, link);

const failureOf = (of: IsolatedRun): Promise<unknown> =>
  of.result.then(
    (value) => Promise.reject(new Error(`It succeeded with ${JSON.stringify(value)}.`)),
    (error: unknown) => error,
  );

/** Also a zombie is gone: it only waits to be collected. */
async function isGone(pid: number): Promise<boolean> {
  try {
    return /^State:\s+[ZX]/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.stop()));
});

describe('an isolated run', () => {
  it('returns what its handler returned, as JSON', async () => {
    const { pool } = openPool();
    const value = { frames: [1, 2.5, null], title: 'Ünïcode \u2028' };
    await expect(run(pool, 'echo', { value }).result).resolves.toEqual(value);
    await expect(run(pool, 'nothing').result).resolves.toBeNull();
  });

  it('runs in another process, and tells which', async () => {
    const { pool } = openPool();
    const { link, hears } = listen();
    const spinning = run(pool, 'untilAborted', {}, link);
    expect(spinning.pid).toBeUndefined();
    await hears('started');
    expect(spinning.pid).toBeGreaterThan(0);
    expect(spinning.pid).not.toBe(process.pid);
    spinning.abort(new TaskCancelledError());
    await spinning.result;
  });

  it('calls its parent and gets the answer or the error', async () => {
    const { pool } = openPool();
    const { link } = listen(async (method, args) => {
      if (method === 'sum') return args.reduce<number>((sum, each) => sum + Number(each), 0);
      throw new TaskCancelledError(`no method ${method}`);
    });
    await expect(run(pool, 'ask', { method: 'sum', args: [1, 2, 3] }, link).result).resolves.toBe(6);
    const error = await failureOf(run(pool, 'ask', { method: 'nonsense', args: [] }, link));
    expect(error).toBeInstanceOf(TaskCancelledError);
    expect(error).toMatchObject({ message: 'no method nonsense' });
  });

  it('has a bounded number of calls under way, and all are answered', async () => {
    const { pool } = openPool();
    let underWay = 0;
    let most = 0;
    const { link } = listen(async (_method, [n]) => {
      most = Math.max(most, ++underWay);
      await new Promise(setImmediate);
      underWay--;
      return Number(n) * 2;
    });
    const answers = (await run(pool, 'askMany', { count: 1_000 }, link).result) as number[];
    expect(answers).toEqual(Array.from({ length: 1_000 }, (_, n) => n * 2));
    expect(most).toBeLessThanOrEqual(64);
  });

  it('aborts with the reason it is given', async () => {
    const { pool } = openPool();
    const { link, hears } = listen();
    const aborted = run(pool, 'untilAborted', {}, link);
    await hears('started');
    aborted.abort(new SoftTimeLimitExceeded('30 minutes'));
    aborted.abort(new TaskCancelledError('too late'));
    await expect(aborted.result).resolves.toMatchObject({
      name: 'SoftTimeLimitExceeded',
      message: '30 minutes',
    });
  });

  it('aborts also when it was told to before it had a process', async () => {
    const { pool } = openPool();
    const aborted = run(pool, 'untilAborted');
    aborted.abort(new UnrecoverableError('never mind'));
    await expect(aborted.result).resolves.toMatchObject({ message: 'never mind', isKnown: true });
  });

  it('is killed within a second while it loops for ever', async () => {
    const { pool } = openPool();
    const { link, hears } = listen();
    const spinning = run(pool, 'spin', {}, link);
    await hears('started');
    const pid = spinning.pid!;
    const killedAt = performance.now();
    const reason = new TimeLimitExceeded('40 minutes');
    spinning.kill(reason);
    expect(await failureOf(spinning)).toBe(reason);
    expect(performance.now() - killedAt).toBeLessThan(1_000);
    expect(await isGone(pid)).toBe(true);
    await expect(run(pool, 'echo', { value: 'next' }).result).resolves.toBe('next');
  });

  it('takes along what it started when it is killed', async () => {
    const { pool } = openPool();
    const { link, hears } = listen();
    const spinning = run(pool, 'spawnAndSpin', {}, link);
    const { args } = await hears('started');
    spinning.kill(new TimeLimitExceeded());
    await failureOf(spinning);
    await waitUntil(() => isGone(args[0] as number));
  });

  it('leaves the queue when it is killed before it began', async () => {
    const { pool } = openPool();
    const { link, hears } = listen();
    const first = run(pool, 'spin', {}, link);
    await hears('started');
    const second = run(pool, 'echo');
    const reason = new TaskCancelledError();
    second.kill(reason);
    expect(await failureOf(second)).toBe(reason);
    first.kill(reason);
    await failureOf(first);
  });

  it('does not end twice: a kill after its end changes nothing', async () => {
    const { pool } = openPool();
    const ended = run(pool, 'pid');
    const pid = await ended.result;
    ended.kill(new TimeLimitExceeded());
    ended.abort(new TimeLimitExceeded());
    await expect(run(pool, 'pid').result).resolves.toBe(pid);
  });
});

describe('a failing isolated handler', () => {
  it('fails with its own error: class, message, stack and cause', async () => {
    const { pool } = openPool();
    const error = (await failureOf(run(pool, 'fail'))) as Error;
    expect(error).toBeInstanceOf(UnrecoverableError);
    expect(error).toMatchObject({ name: 'UnrecoverableError', message: 'no such film' });
    expect(error.stack).toContain('handlers.entry.js');
    expect(error.cause).toMatchObject({ name: 'TypeError', message: 'bad reel' });
  });

  it('stays what it was when its class extends one of ours', async () => {
    const { pool } = openPool();
    const error = await failureOf(run(pool, 'failInOwnWay'));
    expect(error).toBeInstanceOf(UnrecoverableError);
    expect(error).toMatchObject({ name: 'FilmError', message: 'torn' });
  });

  it('may throw anything', async () => {
    const { pool } = openPool();
    for (const value of ['a text', 42, null, { code: 7 }])
      expect(await failureOf(run(pool, 'throwValue', { value }))).toEqual(value);
    expect(await failureOf(run(pool, 'throwValue'))).toBeUndefined();
    expect(await failureOf(run(pool, 'throwSymbol'))).toMatchObject({
      message: 'A handler threw a symbol.',
    });
  });

  it.each([
    ['returnFunction', 'The result is no JSON but a function.'],
    ['returnBigint', /^The result is no JSON: .*BigInt/],
    ['returnCircle', /^The result is no JSON: .*circular/],
    ['returnMuch', /^The result has 17825794 characters as JSON; at most 16777216 can leave its process\.$/],
  ])('says what is wrong with a result that cannot be sent (%s)', async (handler, message) => {
    const { pool } = openPool();
    const error = await failureOf(run(pool, handler));
    expect(error).toBeInstanceOf(UnrecoverableError);
    expect((error as Error).message).toMatch(message);
  });

  it('says what is wrong with arguments and answers that cannot be sent', async () => {
    const { pool } = openPool();
    const { link } = listen(async () => 1n);
    const error = await failureOf(run(pool, 'ask', { method: 'sum', args: [] }, link));
    expect((error as Error).message).toMatch(/^The answer of sum is no JSON: /);
  });

  it('fails alone when it ends its process', async () => {
    const { pool } = openPool({ size: 2 });
    const { link, hears } = listen();
    const other = run(pool, 'untilAborted', {}, link);
    await hears('started');
    const error = await failureOf(run(pool, 'exit', { code: 3 }));
    expect(error).toBeInstanceOf(HandlerProcessDied);
    expect(error).toMatchObject({ exitCode: 3, signal: undefined });
    expect((error as Error).message).toBe(
      "The handler's process ended with exit code 3; its last lines:\n  about to leave",
    );
    other.abort(new TaskCancelledError());
    await expect(other.result).resolves.toMatchObject({ name: 'TaskCancelledError' });
  });

  it('also has died when it leaves with code 0', async () => {
    const { pool } = openPool();
    expect(await failureOf(run(pool, 'exit', { code: 0 }))).toMatchObject({ exitCode: 0 });
  });

  it('shows the uncaught error that ended its process', async () => {
    const { pool } = openPool();
    const error = await failureOf(run(pool, 'crash'));
    expect(error).toBeInstanceOf(HandlerProcessDied);
    expect((error as Error).message).toContain('RangeError: nobody catches this');
  });

  it('names the signal that ended its process', async () => {
    const { pool } = openPool();
    const { link, hears } = listen();
    const spinning = run(pool, 'spin', {}, link);
    await hears('started');
    process.kill(spinning.pid!, 'SIGSEGV');
    const error = await failureOf(spinning);
    expect(error).toBeInstanceOf(HandlerProcessDied);
    expect(error).toMatchObject({ signal: 'SIGSEGV', exitCode: undefined });
  });

  it('fails when it closes the channel', async () => {
    const { pool } = openPool();
    expect(await failureOf(run(pool, 'leaveChannel'))).toBeInstanceOf(HandlerProcessDied);
  });

  it.each(['allocateBuffers', 'allocateObjects'])(
    'is killed when it allocates without end (%s)',
    async (handler) => {
      const { pool } = openPool({ maxMemoryBytes: 192 * MIB });
      const error = await failureOf(run(pool, handler));
      expect(error).toBeInstanceOf(MemoryLimitExceeded);
      expect((error as Error).message).toMatch(/at most 192 MiB are allowed\.$/);
      await expect(run(pool, 'echo', { value: 'next' }).result).resolves.toBe('next');
    },
  );

  it('has met the same limit when V8 gives up before anybody has looked', async () => {
    const { pool } = openPool();
    const error = await failureOf(run(pool, 'endLikeV8'));
    expect(error).toBeInstanceOf(MemoryLimitExceeded);
    expect((error as Error).message).toBe(
      "The handler's process ran out of heap; at most 2048 MiB are allowed.",
    );
  });
});

describe('a process of the pool', () => {
  it('is kept warm for the next run', async () => {
    const { pool } = openPool({ size: 4 });
    const pid = await run(pool, 'pid').result;
    for (let n = 0; n < 5; n++) await expect(run(pool, 'pid').result).resolves.toBe(pid);
  });

  it('runs one job at a time, and as many processes as the size run at once', async () => {
    const { pool } = openPool({ size: 2 });
    const listeners = Array.from({ length: 5 }, () => listen());
    const runs = listeners.map(({ link }) => run(pool, 'untilAborted', {}, link));
    const started = () => listeners.filter(({ heard }) => heard.length > 0).length;
    for (const [n, each] of runs.entries()) {
      await waitUntil(() => started() === Math.min(n + 2, 5));
      expect(runs.filter(({ pid }) => pid !== undefined)).toHaveLength(Math.min(n + 2, 5));
      each.abort(new TaskCancelledError());
      await each.result;
    }
    expect(new Set(runs.map(({ pid }) => pid)).size).toBe(2);
  });

  it('is replaced after its number of runs, by one that is warm already', async () => {
    const { pool } = openPool({ maxTasksPerChild: 3 });
    const pids: Json[] = [];
    for (let n = 0; n < 9; n++) pids.push(await run(pool, 'pid').result);
    expect(new Set(pids).size).toBe(3);
    expect(pids.map((pid) => pids.indexOf(pid))).toEqual([0, 0, 0, 3, 3, 3, 6, 6, 6]);
    await waitUntil(async () =>
      (await Promise.all(pids.slice(0, 6).map((pid) => isGone(pid as number)))).every(Boolean),
    );
  });

  it('has its successor started while it is at its last run', async () => {
    const { pool } = openPool({ maxTasksPerChild: 1 });
    const { link, hears } = listen();
    const last = run(pool, 'untilAborted', {}, link);
    await hears('started');
    const successor = await waitUntil(() => childOf(process.pid, last.pid));
    last.abort(new TaskCancelledError());
    await last.result;
    await expect(run(pool, 'pid').result).resolves.toBe(successor);
  });

  it('is kept without limit when the number of runs is 0', async () => {
    const { pool } = openPool({ maxTasksPerChild: 0 });
    const pids = new Set<Json>();
    for (let n = 0; n < 50; n++) pids.add(await run(pool, 'pid').result);
    expect(pids.size).toBe(1);
  });

  it('is replaced after a run that left it too large', async () => {
    const { pool } = openPool({ recycleAboveBytes: 256 * MIB });
    const first = await run(pool, 'grow', { mib: 1 }).result;
    await expect(run(pool, 'grow', { mib: 256 }).result).resolves.toBe(first);
    const next = await run(pool, 'pid').result;
    expect(next).not.toBe(first);
    await waitUntil(() => isGone(first as number));
  });

  it('does not hear what an earlier run left behind', async () => {
    const { pool } = openPool();
    const earlier = listen();
    const later = listen();
    await run(pool, 'reportLater', {}, earlier.link).result;
    await run(pool, 'reportThenWait', {}, later.link).result;
    expect(earlier.heard).toEqual([]);
    expect(later.heard.map(({ args }) => args[0])).toEqual(['mine']);
  });

  it('may talk over the channel in its own words', async () => {
    const { pool } = openPool();
    for (const message of [null, 'ready', { millrace: 'nonsense' }, { millrace: 'done', run: 0 }])
      await expect(run(pool, 'talkOverChannel', { message }).result).resolves.toBe(true);
  });

  it('has its lines in the log of the parent, with its pid', async () => {
    const { pool, lines } = openPool();
    const printing = run(pool, 'print');
    await printing.result;
    await waitUntil(() => lines.length === 2);
    expect(lines).toEqual(
      expect.arrayContaining([
        { level: 'info', fields: { handler_pid: printing.pid, stream: 'stdout' }, text: 'to stdout' },
        { level: 'warn', fields: { handler_pid: printing.pid, stream: 'stderr' }, text: 'to stderr' },
      ]),
    );
  });

  it('does not end by a SIGTERM to all processes of the service', async () => {
    const { pool } = openPool();
    const { link, hears } = listen();
    const working = run(pool, 'untilAborted', {}, link);
    await hears('started');
    process.kill(working.pid!, 'SIGTERM');
    working.abort(new WorkerStoppingError());
    await expect(working.result).resolves.toMatchObject({ name: 'WorkerStoppingError' });
  });

  it.each(['spin', 'spawnAndSpin', 'untilAborted'])(
    'ends when its parent is killed, whatever its handler does (%s)',
    async (handler) => {
      const parent = fork(PARENT, [handler], { execArgv: [] });
      const [[pid, grandchild]] = (await once(parent, 'message')) as [[number, number | null]];
      expect(await isGone(pid)).toBe(false);
      parent.kill('SIGKILL');
      await waitUntil(() => isGone(pid), { timeoutMs: 5_000 });
      if (grandchild) await waitUntil(() => isGone(grandchild), { timeoutMs: 5_000 });
    },
  );
});

describe('notifications', () => {
  it('arrive before the result', async () => {
    const { pool } = openPool();
    const { link, heard } = listen();
    await run(pool, 'report', {}, link).result;
    expect(heard).toEqual([{ method: 'progress', args: [{ percent: 50 }] }]);
  });

  it('arrive while the handler blocks its event loop', async () => {
    const { pool } = openPool();
    const { link, heard } = listen();
    const spinning = run(pool, 'reportThenSpin', {}, link);
    await waitUntil(() => heard.length === 2);
    expect(heard.map(({ args }) => args[0])).toEqual(['first', 'second']);
    spinning.kill(new TimeLimitExceeded());
    await failureOf(spinning);
  });

  it('may come by the hundred thousand: the parent gets few, and the last one', async () => {
    const { pool } = openPool();
    await run(pool, 'reportOften', { count: 1 }).result;
    const { link, heard } = listen();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const before = process.memoryUsage.rss();
    await run(pool, 'reportOften', { count: 100_000 }, link).result;
    delay.disable();
    expect(heard.at(-1)).toEqual({ method: 'progress', args: [100_000] });
    expect(heard.length).toBeLessThan(100);
    expect(delay.max / 1e6).toBeLessThan(250);
    expect(process.memoryUsage.rss() - before).toBeLessThan(32 * MIB);
  });

  it('cost the parent nothing but a line in the log when it cannot pass them on', async () => {
    const { pool, lines } = openPool();
    const link: RunLink = {
      call: async () => null,
      notify: () => {
        throw new Error('the log is away');
      },
    };
    await expect(run(pool, 'report', {}, link).result).resolves.toBeNull();
    expect(lines).toMatchObject([{ level: 'error', fields: { err: { message: 'the log is away' } } }]);
  });
});

describe('a program that cannot start', () => {
  it('fails what waits for it with the last lines of its stderr', async () => {
    const { pool } = openPool({ mode: 'broken' });
    const error = await failureOf(run(pool, 'echo'));
    expect(error).toBeInstanceOf(HandlerProcessStartError);
    expect((error as Error).message).toMatch(
      /^A process for handlers could not be started: it ended with exit code 1; its last lines:\n(.*\n)*.*Error: no database here/,
    );
  });

  it('is tried again after a pause, which grows', async () => {
    const { pool, lines } = openPool({ mode: 'broken', size: 4 });
    const failures = () => lines.filter(({ text }) => text === 'a process for handlers failed');
    await failureOf(run(pool, 'echo'));
    const failedAt = performance.now();
    await Promise.all([failureOf(run(pool, 'echo')), failureOf(run(pool, 'echo'))]);
    expect(performance.now() - failedAt).toBeGreaterThan(900);
    expect(failures().map(({ fields }) => fields.retry_in_ms)).toEqual([1_000, 2_000]);
  });

  it('is given up when it is not ready in time', async () => {
    const { pool } = openPool({ mode: 'hanging', startWithinMs: 500 });
    const error = await failureOf(run(pool, 'echo'));
    expect(error).toBeInstanceOf(HandlerProcessStartError);
    expect((error as Error).message).toContain('it was not ready within 500 ms');
  });

  it('does not exist', async () => {
    const { pool } = openPool({ entry: { file: '/nowhere/handlers.js' } });
    const error = await failureOf(run(pool, 'echo'));
    expect(error).toBeInstanceOf(HandlerProcessStartError);
    expect((error as Error).message).toContain('/nowhere/handlers.js');
  });
});

describe('a stopped pool', () => {
  it('may be stopped before its first run, and twice', async () => {
    const { pool } = openPool();
    await pool.stop();
    await pool.stop();
    expect(await failureOf(run(pool, 'echo'))).toBeInstanceOf(WorkerStoppingError);
  });

  it('has killed busy processes, and let go of what ran and what waited', async () => {
    const { pool } = openPool({ size: 2 });
    const { link, heard } = listen();
    const runs = [run(pool, 'spin', {}, link), run(pool, 'spin', {}, link), run(pool, 'echo')];
    await waitUntil(() => heard.length === 2);
    const pids = runs.slice(0, 2).map(({ pid }) => pid!);
    const failures = Promise.all(runs.map(failureOf));
    await pool.stop();
    for (const failure of await failures) expect(failure).toBeInstanceOf(WorkerStoppingError);
    expect(await Promise.all(pids.map(isGone))).toEqual([true, true]);
  });

  it('has let free processes close what they had open', async () => {
    const { pool, lines } = openPool({ mode: 'closing' });
    await run(pool, 'echo').result;
    await pool.stop();
    await waitUntil(() => lines.some(({ text }) => text === 'closed'));
  });

  it('has ended a process that was just starting', async () => {
    const { pool } = openPool({ mode: 'hanging' });
    const waiting = failureOf(run(pool, 'echo'));
    await pool.stop();
    expect(await waiting).toBeInstanceOf(WorkerStoppingError);
    expect(await childOf(process.pid)).toBeUndefined();
  });
});

/** A living child of this process, other than one. */
async function childOf(parent: number, other?: number): Promise<number | undefined> {
  const children = (await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8')).trim().split(/\s+/);
  for (const child of children)
    if (child !== '' && Number(child) !== other && !(await isGone(Number(child)))) return Number(child);
  return undefined;
}
