import type { Json } from '@millrace/domain';
import { Channel } from './channel.js';
import { ParentLink } from './parent-link.js';
import type { Remote } from './parent-link.js';
import { watchParent } from './parent-watch.js';
import { killGroup } from './process-group.js';
import { isOurs, settle, valueOf } from './wire.js';
import type { ToChild } from './wire.js';
import { unpackError } from './wire-error.js';

/** Runs one job. The signal aborts with the reason that the pool was given. */
export type RunJob = (job: Json, remote: Remote, signal: AbortSignal) => Promise<unknown>;

export interface ServeOptions {
  /** Closes what the program has open, when it is replaced or the pool stops: it has two seconds. Not called when it is killed. */
  close?: () => Promise<void>;
}

interface Current {
  id: number;
  link: ParentLink;
  controller: AbortController;
}

/**
 * Makes this process, started by a `ProcessPool`, run jobs, one at a time. It ends with its parent, however that ends. What a run leaves
 * behind (timers, memory, globals) stays for the next one until the process is replaced.
 *
 * @throws Error when the process has no parent to talk to
 */
export function serveIsolatedRuns(run: RunJob, options: ServeOptions = {}): void {
  if (!process.send)
    throw new Error('This program runs handlers for a process pool: it is not started alone.');
  const channel = new Channel();
  let current: Current | undefined;

  process.on('message', (message) => {
    if (isOurs(message)) hear(message as ToChild);
  });
  process.once('disconnect', () => {
    // Nobody takes the result any more.
    if (current && !killGroup(process.pid)) process.kill(process.pid, 'SIGKILL');
    void close(options);
  });
  // A service manager signals all processes of a service: the parent decides when its children end.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  void watchParent().then(() => channel.send({ millrace: 'ready' }));

  function hear(message: ToChild): void {
    if (message.millrace === 'run') {
      void begin(message.run, message.job);
      return;
    }
    if (message.run !== current?.id) return;
    switch (message.millrace) {
      case 'abort':
        current.controller.abort(unpackError(message.reason));
        break;
      case 'answer':
        current.link.answer(message.call, message);
        break;
    }
  }

  async function begin(id: number, job: string): Promise<void> {
    const link = new ParentLink(id, channel);
    const controller = new AbortController();
    current = { id, link, controller };
    const settled = await settle('The result', () => run(valueOf(job), link, controller.signal));
    link.end();
    current = undefined;
    channel.send({ millrace: 'done', run: id, rssBytes: process.memoryUsage.rss(), ...settled });
  }
}

async function close(options: ServeOptions): Promise<void> {
  try {
    await options.close?.();
  } finally {
    process.exit();
  }
}
