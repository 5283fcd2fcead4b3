import { setTimeout as sleep } from 'node:timers/promises';
import { createHandler } from '../../handlers/handler.js';
import type { TaskContext } from '../../task-context.js';
import { serveHandlers } from '../isolated-handler.js';

/** The handler `render` as a child runs it: what it does is in its parameters. */
const MODES: Record<string, (context: TaskContext) => unknown> = {
  echo({ params, attempt, taskId, tags, log }) {
    log.warn({ echoed: true }, 'Echoing');
    return { params, attempt, taskId, tags, pid: process.pid };
  },
  async steps({ step, checkpoint, resumedFrom, attempt, progress }) {
    const pid = await step('pid', () => process.pid);
    const inner = await step('outer', () => step('inner', () => 7).catch(() => 0));
    await checkpoint({ from: attempt });
    progress({ percent: 50 });
    if (attempt === 1) throw new Error('again');
    return { pid, inner, resumedFrom };
  },
  nested: ({ step }) => step('outer', async () => (await step('nested', () => 1)) + 1),
  async waits({ sleep: nap, waitForSignal }) {
    await nap(1.2);
    return waitForSignal('go');
  },
  spin: () => {
    for (;;);
  },
  allocate: () => {
    for (const kept: Buffer[] = []; ;) kept.push(Buffer.alloc(16 * 1024 * 1024, 1));
  },
  exit: () => process.exit(3),
  throwText: () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- whatever a handler throws must be told
    throw 'no error at all';
  },
  cycle: () => {
    const cyclic: Record<string, unknown> = {};
    return (cyclic.self = cyclic);
  },
  long: () => 'x'.repeat(10 * 1024 * 1024),
  async deaf() {
    for (;;) await sleep(1_000);
  },
  obedient: ({ signal }) => sleep(60_000, undefined, { signal }),
  chatter: ({ progress }) => {
    for (let n = 0; n < 100_000; n++) progress({ current: n });
    return 'done';
  },
};

const render = createHandler({ name: 'render', queue: 'films' }, (context) => {
  const { mode } = context.params as { mode: string };
  return Promise.resolve(context).then(MODES[mode]);
});
serveHandlers(new Map([[render.name, render]]), 'info');
