import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { watchOver } from '@millrace/embedded';
import type { ServerExit } from '@millrace/embedded';
import { NODE_ARGUMENTS } from '@millrace/runtime';
import { waitUntil } from './wait-until.js';

/** A process of ours under test. */
export interface TestApp {
  readonly pid: number;
  /** Everything it wrote so far, standard output and errors in the order in which they came. */
  readonly lines: readonly string[];
  readonly exited: Promise<ServerExit>;
  /** The first line, written or to come, that contains the text or matches; fails with the output when none comes. */
  readonly line: (wanted: string | RegExp, timeoutMs?: number) => Promise<string>;
  /** Sends the signal and resolves when it has ended. Defaults to SIGTERM. Safe after its end. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<ServerExit>;
  /** Sends a signal that does not end it, such as SIGSTOP and SIGCONT. */
  readonly signal: (signal: NodeJS.Signals) => void;
}

/**
 * Runs a compiled main as a child process with no more than the given environment and PATH. It does not outlive the suite.
 *
 * @param main path of the file, or its `file:` URL
 */
export function spawnApp(
  main: string | URL,
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): TestApp {
  const file = main instanceof URL ? main.pathname : main;
  const child = spawn(process.execPath, [...NODE_ARGUMENTS, '--enable-source-maps', file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} could not be run.`);
  const stopWatching = watchOver(pid, 'none', 0);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  let exit: ServerExit | undefined;
  // `close` and not `exit`: its last words may still be in the pipe.
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('close', (code, signal) => {
      stopWatching();
      exit = { code, signal };
      resolve(exit);
    });
  });
  return {
    pid,
    lines,
    exited,
    async line(wanted, timeoutMs = 10_000) {
      const matches = (line: string): boolean =>
        typeof wanted === 'string' ? line.includes(wanted) : wanted.test(line);
      const found = await waitUntil(() => lines.find(matches) ?? (exit && 'ended'), {
        timeoutMs,
        what: `a line with ${String(wanted)} from ${file}`,
      }).catch(() => undefined);
      const line = lines.find(matches);
      if (line !== undefined) return line;
      const how =
        found === undefined ? `within ${timeoutMs} ms` : `before it ended (${JSON.stringify(exit)})`;
      throw new Error(`${file} wrote no ${String(wanted)} ${how}:\n${lines.join('\n')}`);
    },
    async kill(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
    signal(signal) {
      child.kill(signal);
    },
  };
}
