import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ADMIN_KEY = 'the-admin-key-of-the-specs';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
/** Nobody listens there. */
const NO_DATABASE = 'postgres://nobody@127.0.0.1:1/none';

export interface Answer<Body = Record<string, unknown>> {
  status: number;
  headers: Headers;
  body: Body;
}

interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
  /** Defaults to the admin key; null sends none. */
  key?: string | null;
  signal?: AbortSignal;
}

/**
 * A gateway in a process of its own, which ends with this one, and a client that speaks JSON with it. Not in this process: jest cannot
 * load what serves Swagger UI (CommonJS that requires ESM).
 */
export class GatewayClient {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    /** Its log so far, an entry per line. */
    readonly lines: readonly string[],
  ) {}

  static async start(natsUrl: string, settings: Record<string, string> = {}): Promise<GatewayClient> {
    const child = fork(MAIN, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...process.env,
        NATS_URL: natsUrl,
        DATABASE_URL: NO_DATABASE,
        PORT: '0',
        MILLRACE_HOST: '127.0.0.1',
        MILLRACE_ADMIN_KEY: ADMIN_KEY,
        MILLRACE_SUPERVISED: '1',
        MILLRACE_LOG_LEVEL: 'info',
        MILLRACE_LOG_FORMAT: 'json',
        ...settings,
      },
    });
    const lines: string[] = [];
    const port = await new Promise<number>((resolve, reject) => {
      const read = (line: string): void => {
        lines.push(line);
        const listens = /"port":(\d+),"msg":"Gateway listens"/.exec(line);
        if (listens) resolve(Number(listens[1]));
      };
      for (const output of [child.stdout, child.stderr])
        if (output) createInterface({ input: output }).on('line', read);
      // `close` and not `exit`: its last words may still be in the pipe.
      child.once('close', (code) =>
        reject(new Error(`The gateway ended with ${code}:\n${lines.join('\n')}`)),
      );
    });
    return new GatewayClient(`http://127.0.0.1:${port}`, child, lines);
  }

  /** Asks it to stop; resolves with its exit code. Safe after its end. */
  stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  /** Ends it at once, whatever it does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill(signal);
      await once(this.child, 'exit');
    }
    return this.child.exitCode;
  }

  /** A call of the API: `POST /tasks` goes to /api/v1/tasks. A body that is a string is sent as it is. */
  call<Body = Record<string, unknown>>(
    line: `${string} /${string}`,
    options: CallOptions = {},
  ): Promise<Answer<Body>> {
    const [method = '', path = ''] = line.split(' ', 2);
    return this.fetch<Body>(`${method} /api/v1${path}`, options);
  }

  /** A call of any path. */
  async fetch<Body = Record<string, unknown>>(
    line: `${string} /${string}`,
    { body, headers = {}, key = ADMIN_KEY, signal }: CallOptions = {},
  ): Promise<Answer<Body>> {
    const [method = '', path = ''] = line.split(' ', 2);
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(key !== null && { 'x-api-key': key }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal && { signal }),
      redirect: 'manual',
    });
    const text = await response.text();
    const isJson = text !== '' && (response.headers.get('content-type')?.includes('json') ?? false);
    return {
      status: response.status,
      headers: response.headers,
      body: (isJson ? JSON.parse(text) : { text }) as Body,
    };
  }

  /** Submits a task and returns its id. */
  async submit(body: Record<string, unknown>): Promise<string> {
    const answer = await this.call<{ task_id: string }>('POST /tasks', { body });
    if (answer.status !== 202) throw new Error(`Not accepted: ${JSON.stringify(answer.body)}`);
    return answer.body.task_id;
  }
}
