import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const MIB_OF_HEAP = 8;

/**
 * Kills this process and its group as soon as its parent is gone, however it went. A thread looks for it, since a handler may block the
 * event loop for ever, and then no `disconnect` is heard. Resolves when the thread is on watch.
 */
export async function watchParent(): Promise<void> {
  const thread = new Worker(new URL('./parent-watch.thread.js', import.meta.url), {
    workerData: process.ppid,
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: MIB_OF_HEAP, maxYoungGenerationSizeMb: 1 },
  });
  await once(thread, 'online');
  thread.unref();
}
