import type { Json, Progress } from '@millrace/domain';
import type {
  AttemptPort,
  CheckpointOptions,
  SignalOptions,
  SleepOptions,
} from '../execution/attempt-port.js';
import type { Logger } from '@millrace/runtime';
import type { RunLink } from './isolated-run.js';
import type { Remote } from './parent-link.js';

/** The calls that a handler in a child makes of its attempt; what only the newest counts of is notified. */
type Call = Exclude<keyof AttemptPort, 'progress'>;

/** The end of the port that is in the parent: calls from the child reach the attempt, and what it logs the logger of the worker. */
export const linkTo = (port: AttemptPort, loggerOf: () => Logger): RunLink => ({
  call: async (method, args) => {
    if (method === 'log') {
      logAgain(loggerOf(), args[0] as string);
      return null;
    }
    if (!Object.hasOwn(CALLS, method)) throw new Error(`An attempt has no call ${method}.`);
    return CALLS[method as Call](port, args);
  },
  notify: (_progress, [report]) => port.progress(report as Progress),
});

const CALLS: Record<Call, (port: AttemptPort, args: Json[]) => Promise<unknown>> = {
  tempDir: (port) => port.tempDir(),
  checkpoint: (port, [state, options]) => port.checkpoint(state ?? null, options as CheckpointOptions),
  beginStep: (port, [scope, name]) => port.beginStep(scope as string, name as string),
  endStep: (port, [key, result, durationMs]) =>
    port.endStep(key as string, result ?? null, durationMs as number),
  failStep: (port, [key]) => port.failStep(key as string),
  sleep: (port, [seconds, options]) => port.sleep(seconds as number, options as SleepOptions),
  waitForSignal: (port, [name, options]) => port.waitForSignal(name as string, options as SignalOptions),
};

/** A line of the child's pino, said once more in the worker. */
function logAgain(logger: Logger, text: string): void {
  const {
    level,
    msg,
    time: _time,
    pid: handler_pid,
    hostname: _hostname,
    ...fields
  } = JSON.parse(text) as Line;
  logger[LEVELS.has(level) ? level : 'info']({ ...fields, handler_pid }, msg ?? '');
}

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
const LEVELS: ReadonlySet<string> = new Set<Level>(['trace', 'debug', 'info', 'warn', 'error', 'fatal']);
type Line = { level: Level; msg?: string; pid?: number } & Record<string, unknown>;

/** The end of the port that is in the child: what its handler asks for goes to the parent. */
export class RemotePort implements AttemptPort {
  constructor(private readonly remote: Remote) {}

  progress(progress: Progress): void {
    this.remote.notify('progress', progress);
  }

  async tempDir(): Promise<string> {
    return (await this.remote.call('tempDir')) as string;
  }

  async checkpoint(state: Json, options: CheckpointOptions): Promise<void> {
    await this.remote.call('checkpoint', state, options);
  }

  async beginStep(scope: string, name: string) {
    return (await this.remote.call('beginStep', scope, name)) as Awaited<
      ReturnType<AttemptPort['beginStep']>
    >;
  }

  async endStep(key: string, result: Json, durationMs: number): Promise<void> {
    await this.remote.call('endStep', key, result, durationMs);
  }

  async failStep(key: string): Promise<void> {
    await this.remote.call('failStep', key);
  }

  async sleep(seconds: number, options: SleepOptions): Promise<void> {
    await this.remote.call('sleep', seconds, options);
  }

  waitForSignal(name: string, options: SignalOptions): Promise<Json> {
    return this.remote.call('waitForSignal', name, options);
  }
}
