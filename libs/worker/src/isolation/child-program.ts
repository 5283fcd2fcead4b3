import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import type { Logger } from '@millrace/runtime';
import { LastLines, readLines } from './output-lines.js';
import { killGroup } from './process-group.js';
import type { ToChild } from './wire.js';

/** The program that runs handlers: it calls `serveIsolatedRuns`. */
export interface HandlerProgram {
  /** Path of a JavaScript module. */
  file: string;
  args?: string[];
  /** Options of Node. Defaults to those of this process, less those of its debugger. */
  execArgv?: string[];
  /** Defaults to the environment of this process. */
  env?: NodeJS.ProcessEnv;
}

/** Gets the lines that the processes print, with their pid, and what goes wrong with them. */
export type PoolLogger = Pick<Logger, 'info' | 'warn' | 'error'>;

/** How a process ended: by itself with a code, or by a signal. With neither it never ran, and the error says why. */
export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  error?: Error;
}

export interface ChildProgramOptions {
  entry: HandlerProgram;
  maxMemoryBytes: number;
  logger: PoolLogger;
}

/** The last words of a process that has ended are waited for so long: whoever left its group may hold its pipes open. */
const LAST_WORDS_MS = 200;
const MIB = 1024 * 1024;

/** A program running in a child process: its lines, its messages and its end. It has a group of its own, which ends with it. */
export class ChildProgram {
  /** Resolves when the process is gone and its last words have been read. */
  readonly ended: Promise<ProcessEnd>;
  /** Of stderr. */
  readonly lastLines = new LastLines();
  readonly #child: ChildProcess;

  /** @throws Error when the system has no room for another process */
  constructor(
    private readonly options: ChildProgramOptions,
    onMessage: (message: unknown) => void,
  ) {
    this.#child = start(options);
    this.#child.on('message', onMessage);
    this.#readOutput();
    this.ended = this.#end();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: ToChild): void {
    // A closed channel or a broken pipe means that the process ends, which is told by its exit.
    this.#child.send(message, () => undefined);
  }

  /** Closes the channel: a program that waits for nothing else ends. */
  disconnect(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  /** Kills the process and what it started. */
  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined || !killGroup(pid)) this.#child.kill('SIGKILL');
  }

  #readOutput(): void {
    const { stdout, stderr, pid } = this.#child;
    const { logger } = this.options;
    if (stdout) readLines(stdout, (line) => logger.info({ handler_pid: pid, stream: 'stdout' }, line));
    if (stderr)
      readLines(stderr, (line) => {
        this.lastLines.add(line);
        logger.warn({ handler_pid: pid, stream: 'stderr' }, line);
      });
  }

  async #end(): Promise<ProcessEnd> {
    const child = this.#child;
    // Not the event `close` of the child: it does not come after a disconnect from this side.
    const silence = Promise.all([
      happening(child, 'disconnect'),
      ...[child.stdout, child.stderr].map((stream) => stream && happening(stream, 'close')),
    ]);
    const end = await new Promise<ProcessEnd>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
      child.on('error', (error) => {
        if (child.pid === undefined) resolve({ code: null, signal: null, error });
      });
    });
    if (child.pid === undefined) return end;
    // What the handlers started ends with their process.
    killGroup(child.pid);
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([silence, new Promise((resolve) => (timer = setTimeout(resolve, LAST_WORDS_MS)))]);
    clearTimeout(timer);
    return end;
  }
}

function start({ entry, maxMemoryBytes }: ChildProgramOptions): ChildProcess {
  const execArgv = entry.execArgv ?? process.execArgv.filter((option) => !option.startsWith('--inspect'));
  return fork(entry.file, entry.args ?? [], {
    // V8 must not give up below the limit, nor let garbage grow past it.
    execArgv: [...execArgv, `--max-old-space-size=${Math.floor(maxMemoryBytes / MIB)}`],
    ...(entry.env && { env: entry.env }),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A group of its own: it is killed with all it started, and a Ctrl-C in the terminal does not reach it.
    detached: true,
  });
}

/** Unlike `once` of node:events, an error does not count: it is told by the end. */
const happening = (emitter: EventEmitter, event: string): Promise<void> =>
  new Promise((resolve) => emitter.once(event, () => resolve()));
