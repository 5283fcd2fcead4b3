import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Json } from '@millrace/domain';
import { UnrecoverableError } from '../../errors.js';
import { serveIsolatedRuns } from '../serve-isolated-runs.js';
import type { Remote } from '../parent-link.js';

/** The program that the specs of the pool run in its processes: handlers of every temper. */
const MIB = 1024 * 1024;
const kept: unknown[] = [];

type Job = { handler: string } & Record<string, Json>;
type Run = (job: Job, remote: Remote, signal: AbortSignal) => unknown;

const handlers: Record<string, Run> = {
  echo: ({ value }) => value,
  pid: () => process.pid,
  nothing: () => undefined,
  ask: async ({ method, args }, remote) => remote.call(method as string, ...(args as Json[])),
  askMany: async ({ count }, remote) =>
    Promise.all(Array.from({ length: count as number }, (_, n) => remote.call('double', n))),
  report: (_job, remote) => remote.notify('progress', { percent: 50 }),
  reportOften: ({ count }, remote) => {
    for (let n = 1; n <= (count as number); n++) remote.notify('progress', n);
  },
  reportThenSpin: (_job, remote) => {
    remote.notify('progress', 'first');
    for (const until = performance.now() + 100; performance.now() < until;);
    remote.notify('progress', 'second');
    spin();
  },
  reportLater: (_job, remote) => {
    setInterval(() => remote.notify('progress', 'late'), 1);
  },
  reportThenWait: async (_job, remote) => {
    remote.notify('progress', 'mine');
    for (let n = 0; n < 20; n++) await remote.call('wait');
  },
  untilAborted: async (_job, remote, signal) => {
    remote.notify('started');
    await once(signal, 'abort');
    const { name, message } = signal.reason as Error;
    return { name, message, isKnown: signal.reason instanceof UnrecoverableError };
  },
  spin: (_job, remote) => {
    remote.notify('started');
    spin();
  },
  spawnAndSpin: (_job, remote) => {
    const { pid } = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    remote.notify('started', pid);
    spin();
  },
  allocateBuffers: () => {
    for (;;) kept.push(Buffer.alloc(MIB, 1));
  },
  allocateObjects: () => {
    for (;;) kept.push(Array.from({ length: 1_000 }, (_, n) => ({ n })));
  },
  // What V8 does at its limit; which of the two limits is met first cannot be arranged.
  endLikeV8: () => {
    process.stderr.write(
      'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n',
    );
    process.abort();
  },
  grow: ({ mib }) => {
    kept.push(Buffer.alloc((mib as number) * MIB, 1));
    return process.pid;
  },
  exit: ({ code }) => {
    process.stderr.write('about to leave\n');
    process.exit(code as number);
  },
  crash: async () => {
    setTimeout(() => {
      throw new RangeError('nobody catches this');
    });
    return new Promise(() => undefined);
  },
  fail: () => {
    throw new UnrecoverableError('no such film', { cause: new TypeError('bad reel') });
  },
  failInOwnWay: () => {
    class FilmError extends UnrecoverableError {
      override readonly name = 'FilmError';
    }
    throw new FilmError('torn');
  },
  throwValue: ({ value }) => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- handlers may be plain JavaScript
    throw value;
  },
  throwSymbol: () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- handlers may be plain JavaScript
    throw Symbol('odd');
  },
  returnFunction: () => spin,
  returnBigint: () => ({ frames: 24n }),
  returnCircle: () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    return circle;
  },
  returnMuch: () => 'x'.repeat(17 * MIB),
  print: () => {
    process.stdout.write('to stdout\n');
    process.stderr.write('to stderr\n');
  },
  talkOverChannel: ({ message }) => process.send?.(message),
  leaveChannel: async () => {
    process.disconnect();
    return new Promise(() => undefined);
  },
};

const [, , mode] = process.argv;
if (mode === 'broken') throw new Error('no database here');
if (mode === 'hanging') setInterval(() => undefined, 1_000);
else
  serveIsolatedRuns(
    async (job, remote, signal) => handlers[(job as Job).handler]?.(job as Job, remote, signal),
    mode === 'closing' ? { close: async () => void process.stdout.write('closed\n') } : {},
  );

function spin(): never {
  for (;;);
}
