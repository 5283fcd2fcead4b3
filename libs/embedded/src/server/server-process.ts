import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { EmbeddedServerError } from './errors.js';
import { watchOver } from './watchdog.js';

/** How a server ended. */
export interface ServerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface SpawnOptions {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  runAs?: { uid: number; gid: number } | undefined;
  stopSignal: 'SIGTERM' | 'SIGINT';
  log?: ((line: string) => void) | undefined;
}

const REMEMBERED_LINES = 20;

/** A server that died before it was ready; its last words are in `lines`. */
export class StartFailure extends EmbeddedServerError {
  override readonly name = 'StartFailure';

  constructor(
    message: string,
    readonly lines: readonly string[],
  ) {
    super([message, ...lines.map((line) => `  ${line}`)].join('\n'));
  }
}

/** One server as a child process: its lines, its end, and its ordered stop. It never outlives this process. */
export class ServerProcess {
  readonly pid: number;
  readonly exited: Promise<ServerExit>;
  private readonly lastLines: string[] = [];
  private readonly closed: Promise<void>;
  /** What came before anyone waited for a line; dropped with the first wait. */
  private early: string[] | undefined = [];
  private lineListener: ((line: string) => void) | undefined;

  private constructor(
    private readonly child: ChildProcess,
    pid: number,
    private readonly options: SpawnOptions,
  ) {
    this.pid = pid;
    const stopWatching = watchOver(pid, options.stopSignal === 'SIGINT' ? 'INT' : 'TERM');
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        stopWatching();
        resolve({ code, signal });
      });
    });
    this.closed = new Promise((resolve) =>
      child.once('close', () => {
        resolve();
      }),
    );
    for (const stream of [child.stdout, child.stderr]) if (stream) this.readLines(stream);
  }

  static async spawn(options: SpawnOptions): Promise<ServerProcess> {
    const child = spawn(options.command, options.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its own session: Ctrl-C in the terminal reaches us alone, and we stop things in the right order.
      detached: true,
      cwd: '/',
      env: options.env,
      ...(options.runAs ? { uid: options.runAs.uid, gid: options.runAs.gid } : {}),
    });
    const { pid } = child;
    if (pid !== undefined) return new ServerProcess(child, pid, options);
    const cause = await new Promise<Error>((resolve) => child.once('error', resolve));
    throw new EmbeddedServerError(`${options.command} could not be run: ${cause.message}`, { cause });
  }

  /** Waits for the first line `pick` answers to; fails with the last lines when the server ends or the time is over. */
  async waitForLine<T>(pick: (line: string) => T | undefined, timeoutMs: number): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        this.lineListener = (line) => {
          const picked = pick(line);
          if (picked !== undefined) resolve(picked);
        };
        const early = this.early ?? [];
        this.early = undefined;
        early.forEach(this.lineListener);
        timer = setTimeout(() => {
          reject(
            new StartFailure(
              `${this.options.command} was not ready in time; its last lines:`,
              this.lastLines,
            ),
          );
        }, timeoutMs);
        // `closed` and not `exited`: the words that explain the end may still be in the pipe.
        void this.closed.then(() => {
          reject(new StartFailure(`${this.options.command} ended at once; its last lines:`, this.lastLines));
        });
      });
    } finally {
      this.lineListener = undefined;
      clearTimeout(timer);
    }
  }

  /** Asks it to stop and kills it when it has not after the grace. Safe twice, and after its end. */
  async stop(graceMs: number): Promise<ServerExit> {
    this.child.kill(this.options.stopSignal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<ServerExit> {
    this.child.kill('SIGKILL');
    return this.exited;
  }

  private readLines(stream: Readable): void {
    // Reading must go on for as long as the server lives, or it would block on a full pipe.
    createInterface({ input: stream }).on('line', (line) => {
      this.lastLines.push(line);
      if (this.lastLines.length > REMEMBERED_LINES) this.lastLines.shift();
      this.options.log?.(line);
      this.early?.push(line);
      this.lineListener?.(line);
    });
  }
}
