import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { waitUntil } from '@millrace/testing';

/** The stock `nats` command: named by MILLRACE_NATS_CLI, else from PATH; undefined where it is not installed. */
export function findNatsCli(): string | undefined {
  const named = process.env.MILLRACE_NATS_CLI;
  if (named !== undefined) return named;
  const candidates = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'nats'));
  return candidates.find((file) => existsSync(file));
}

export interface CliRun {
  output: string;
  code: number | null;
}

const ENDS_WITHIN_MS = 15_000;
/** Wide enough that no table is cut. */
const TERMINAL = { TERM: 'dumb', COLUMNS: '200' };

/** Types commands into a shell as a person would, with NATS_URL set. */
export class NatsCli {
  constructor(
    private readonly file: string,
    private readonly url: string,
  ) {}

  /** Runs a command to its end. */
  async run(command: string): Promise<CliRun> {
    const shell = this.#shell(command);
    const timer = setTimeout(() => shell.process.kill('SIGKILL'), ENDS_WITHIN_MS);
    const code = await shell.ended;
    clearTimeout(timer);
    return { output: shell.output(), code };
  }

  /** Runs a command that refuses to work without a terminal. */
  inTerminal(command: string): Promise<CliRun> {
    return this.run(`script -qec "${command}" /dev/null`);
  }

  /** Runs a command that goes on for ever: does something once it listens, and ends it when it has shown what is wanted. */
  async watching(command: string, act: () => Promise<unknown>, wanted: RegExp): Promise<string> {
    const shell = this.#shell(`exec ${command}`);
    try {
      await waitUntil(() => shell.output().includes('Subscribing'), { what: `${command} to listen` });
      await act();
      await waitUntil(() => wanted.test(shell.output()), { what: `${command} to show ${String(wanted)}` });
      return shell.output();
    } finally {
      shell.process.kill('SIGKILL');
      await shell.ended;
    }
  }

  #shell(command: string) {
    const shell = spawn('sh', ['-c', command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...TERMINAL,
        PATH: dirname(this.file) + delimiter + (process.env.PATH ?? ''),
        NATS_URL: this.url,
      },
    });
    let output = '';
    for (const stream of [shell.stdout, shell.stderr])
      stream.on('data', (chunk) => (output += String(chunk)));
    const ended = new Promise<number | null>((resolve) => shell.once('close', resolve));
    return { process: shell, output: () => output, ended };
  }
}
