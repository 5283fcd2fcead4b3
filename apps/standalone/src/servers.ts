import { join } from 'node:path';
import {
  findNatsServer,
  startNats,
  startPostgres,
  type RunningNats,
  type RunningPostgres,
  type ServerExit,
} from '@millrace/embedded';
import type { StandaloneConfig } from './config.js';
import type { Output } from './output.js';
import { Supervised, type Life } from './supervised.js';

/** A large store, or a recovery after a power cut, takes its time; giving up would only begin it anew. */
const READY_LIMIT_MS = 10 * 60_000;

type Report = (line: string) => void;
type ServerLife = Life & { readonly url: string };

/** A server the apps connect to: `supervised` only when it is ours. */
export interface Server {
  url: string;
  /** What a broker of ours may store; unknown for one that is not ours. */
  storeLimitBytes?: number;
  supervised: Supervised<ServerLife> | undefined;
}

/** Finds or fetches nats-server and starts it; with NATS_URL it starts none. */
export async function provideNats(
  config: StandaloneConfig,
  output: Output,
  report: Report,
  signal: AbortSignal,
): Promise<Server> {
  const { nats } = config;
  if (nats.kind === 'external') return { url: nats.url, supervised: undefined };
  const cacheDir = join(config.dataDir, 'bin');
  const { path, version, source } = await findNatsServer({
    cacheDir,
    explicitPath: nats.explicitPath,
    log: report,
    signal,
  });
  let port = nats.port;
  let storeLimitBytes = 0;
  const server = await supervise('nats', report, async () => {
    const voice = new ServerVoice('nats', /\[(WRN|ERR|FTL)\]/, output);
    const running = await startNats({
      binary: path,
      dataDir: natsDir(config),
      port,
      log: voice.log,
      readyTimeoutMs: READY_LIMIT_MS,
    });
    voice.isUp = true;
    // Kept for the next life: the apps know this one.
    port = running.port;
    storeLimitBytes = running.maxFileStoreBytes;
    report(`nats-server ${version} (${source}: ${path}) listens on port ${String(port)}.`);
    return running;
  });
  return { ...server, storeLimitBytes };
}

/** Starts Postgres; with DATABASE_URL it starts none. */
export async function providePostgres(
  config: StandaloneConfig,
  output: Output,
  report: Report,
): Promise<Server> {
  const { postgres } = config;
  if (postgres.kind === 'external') return { url: postgres.url, supervised: undefined };
  let port = postgres.port;
  return supervise('postgres', report, async () => {
    const voice = new ServerVoice('postgres', / (WARNING|ERROR|FATAL|PANIC): /, output);
    const running = await startPostgres({
      dataDir: join(config.dataDir, 'postgres'),
      port,
      log: voice.log,
      readyTimeoutMs: READY_LIMIT_MS,
    });
    voice.isUp = true;
    port = running.port;
    report(`Postgres listens on port ${String(port)}.`);
    return running;
  });
}

/** Where the broker of ours keeps everything. */
export function natsDir(config: StandaloneConfig): string {
  return join(config.dataDir, 'nats');
}

/** Passes on a server's complaints, once it is up: a start that fails tells its lines in the error. */
class ServerVoice {
  isUp = false;

  constructor(
    private readonly name: string,
    private readonly complaint: RegExp,
    private readonly output: Output,
  ) {}

  readonly log = (line: string): void => {
    if (this.isUp && this.complaint.test(line)) this.output.line(this.name, line);
  };
}

async function supervise(
  name: string,
  report: Report,
  begin: () => Promise<RunningNats | RunningPostgres>,
): Promise<Server> {
  const supervised = new Supervised<ServerLife>(
    name,
    async () => {
      const running = await begin();
      return {
        url: running.url,
        ended: running.exited.then(describeExit),
        stop: () => running.stop(),
        kill: () => running.kill(),
      };
    },
    report,
  );
  const { url } = await supervised.start();
  return { url, supervised };
}

function describeExit({ code, signal }: ServerExit): string {
  return signal === null ? `ended with code ${String(code)}` : `was ended by ${signal}`;
}
