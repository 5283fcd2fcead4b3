import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watchOver } from '@millrace/embedded';
import { NODE_ARGUMENTS } from '@millrace/runtime';
import type { AppDefinition } from './apps.js';
import { PROJECT_DIR } from './config.js';
import type { Output } from './output.js';
import type { Life } from './supervised.js';

/** Longer than the 60 s after which an app itself gives up its clean stop. */
const STOP_GRACE_MS = 70_000;

/** One life of an app. */
export interface AppLife extends Life {
  readonly pid: number;
}

/** Settings of one app that another must not inherit. */
const NOT_INHERITED = { PORT: undefined, MILLRACE_ADMIN_KEY: undefined };

/** Runs an app as a child process that says when we are gone by losing its IPC channel, and speaks under its name. */
export async function runApp(app: AppDefinition, output: Output): Promise<AppLife> {
  const child = spawn(process.execPath, [...NODE_ARGUMENTS, app.entry], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Its own session: Ctrl-C in the terminal reaches us alone, and we stop things in the right order.
    detached: true,
    cwd: PROJECT_DIR,
    env: environmentOf(app),
  });
  if (child.pid === undefined) throw await firstError(child);
  // The lost channel already makes it stop; the watch only ends what does not listen any more.
  const stopWatching = watchOver(child.pid, 'none', STOP_GRACE_MS / 1000);
  const ended = once(child, 'exit').then((exit) => {
    stopWatching();
    const [code, signal] = exit as [number | null, NodeJS.Signals | null];
    return signal === null ? `ended with code ${String(code)}` : `was ended by ${signal}`;
  });
  if (child.stdout) output.follow(app.name, child.stdout);
  if (child.stderr) output.follow(app.name, child.stderr);
  return {
    pid: child.pid,
    ended,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
      await ended;
      clearTimeout(timer);
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function environmentOf(app: AppDefinition): NodeJS.ProcessEnv {
  const readable = process.stdout.isTTY ? { MILLRACE_LOG_FORMAT: 'pretty' } : {};
  return { ...readable, ...process.env, ...NOT_INHERITED, ...app.env, MILLRACE_SUPERVISED: '1' };
}

async function firstError(child: NodeJS.EventEmitter): Promise<Error> {
  const [error] = (await once(child, 'error')) as [Error];
  return error;
}
