import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { loadOrCreateCredentials } from '../server/credentials.js';
import { DataDirLock } from '../server/data-dir-lock.js';
import { PortTakenError } from '../server/errors.js';
import { ServerProcess, StartFailure, type ServerExit } from '../server/server-process.js';
import { renderNatsConfig } from './nats-config.js';
import { awaitNatsGreeting } from './nats-handshake.js';
import { defaultStoreLimit } from './store-limit.js';

/** How an embedded nats-server is started. */
export interface StartNatsOptions {
  /** The program, as found by `findNatsServer`. */
  binary: string;
  /** Holds the store, the credentials and the configuration; made when missing, and kept over restarts. */
  dataDir: string;
  /** Defaults to 0: the server takes a free one. */
  port?: number | undefined;
  /** HTTP monitoring on loopback. Defaults to none. */
  monitorPort?: number | undefined;
  /** Defaults to 50 GiB, but never more than nine tenths of the free disk. */
  maxFileStoreBytes?: number | undefined;
  /** Defaults to 1 GiB; a cap and no reservation. */
  maxMemoryStoreBytes?: number | undefined;
  /** Defaults to 1 MiB: parameters, result and checkpoint are 512 KiB at most. */
  maxPayloadBytes?: number | undefined;
  /** How often the store is flushed to disk. Defaults to `100ms`. */
  syncInterval?: string | undefined;
  /** Further lines for the configuration file. Defaults to none. */
  extraConfig?: string | undefined;
  /** Receives each line the server logs. */
  log?: ((line: string) => void) | undefined;
  /** Recovering a large store takes its time. Defaults to 60 s. */
  readyTimeoutMs?: number | undefined;
}

/** A nats-server of ours, ready for clients. */
export interface RunningNats {
  /** `nats://user:password@127.0.0.1:port` */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly port: number;
  readonly pid: number;
  readonly storeDir: string;
  /** What the store may hold: the server refuses every write beyond it. */
  readonly maxFileStoreBytes: number;
  /** Settles when the server has ended, for whatever reason. */
  readonly exited: Promise<ServerExit>;
  /** Stops it cleanly. Safe twice, and after its end. */
  stop(): Promise<void>;
  /** SIGKILL; resolves once it is gone and the data folder is free again. */
  kill(): Promise<void>;
}

const USER = 'millrace';
const MIB = 1024 ** 2;
const DEFAULT_READY_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 20_000;
const FEW_CORES = 2;

/**
 * Starts nats-server with JetStream on loopback, with a generated login, and waits until it greets clients. It does
 * not outlive this process; one left behind all the same is stopped first. Fails with `PortTakenError`,
 * `DataDirInUseError`, or with the server's last words.
 */
export async function startNats(options: StartNatsOptions): Promise<RunningNats> {
  const dataDir = resolve(options.dataDir);
  const lock = await DataDirLock.take(dataDir, 'SIGTERM');
  try {
    return await startLocked(options, dataDir, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function startLocked(
  options: StartNatsOptions,
  dataDir: string,
  lock: DataDirLock,
): Promise<RunningNats> {
  const { user, password } = await loadOrCreateCredentials(dataDir, USER);
  const storeDir = join(dataDir, 'store');
  await mkdir(storeDir, { recursive: true, mode: 0o700 });
  const maxFileStoreBytes = options.maxFileStoreBytes ?? (await defaultStoreLimit(storeDir));
  const configFile = await writeConfig(options, dataDir, { user, password, storeDir, maxFileStoreBytes });
  const server = await ServerProcess.spawn({
    command: options.binary,
    args: ['--config', configFile],
    env: { ...goRuntimeSettings(), ...process.env },
    stopSignal: 'SIGTERM',
    log: options.log,
  });
  await lock.noteServer(server.pid);
  const port = await awaitReady(server, options);
  // Cleared before anyone who waits for the end goes on, so that a restart finds the folder free.
  const exited = server.exited.then(async (exit) => {
    await lock.release();
    return exit;
  });
  return {
    url: `nats://${user}:${password}@127.0.0.1:${String(port)}`,
    user,
    password,
    port,
    pid: server.pid,
    storeDir,
    maxFileStoreBytes,
    exited,
    async stop() {
      await server.stop(STOP_GRACE_MS);
      await exited;
    },
    async kill() {
      await server.kill();
      await exited;
    },
  };
}

async function writeConfig(
  options: StartNatsOptions,
  dataDir: string,
  known: { user: string; password: string; storeDir: string; maxFileStoreBytes: number },
): Promise<string> {
  const file = join(dataDir, 'nats-server.conf');
  const text = renderNatsConfig({
    ...known,
    port: options.port ?? 0,
    monitorPort: options.monitorPort,
    maxMemoryStoreBytes: options.maxMemoryStoreBytes ?? 1024 * MIB,
    maxPayloadBytes: options.maxPayloadBytes ?? MIB,
    syncInterval: options.syncInterval ?? '100ms',
    extraConfig: options.extraConfig ?? '',
  });
  await writeFile(file, text, { mode: 0o600 });
  await chmod(file, 0o600);
  return file;
}

async function awaitReady(server: ServerProcess, options: StartNatsOptions): Promise<number> {
  const timeoutMs = options.readyTimeoutMs ?? DEFAULT_READY_TIMEOUT_MS;
  try {
    const port = await server.waitForLine(listeningPort, timeoutMs);
    await awaitNatsGreeting(port, timeoutMs);
    return port;
  } catch (error) {
    await server.kill();
    throw isPortTaken(error) ? new PortTakenError(options.port ?? 0, 'MILLRACE_NATS_PORT') : error;
  }
}

/** The server says this after its store is recovered, so a client that comes in finds JetStream ready. */
function listeningPort(line: string): number | undefined {
  const found = /Listening for client connections on .*:(\d+)/.exec(line);
  return found ? Number(found[1]) : undefined;
}

function isPortTaken(error: unknown): boolean {
  return (
    error instanceof StartFailure && error.lines.some((line) => /Error listening on port.*in use/.test(line))
  );
}

/**
 * What suits a broker beside its clients on one machine; what the environment says wins.
 *
 * Go collects garbage whenever its heap has doubled, and that of a broker is small and short-lived: most of the collections are in vain.
 * The memory limit keeps a large store from growing fivefold. Where cores are few, its threads would only wake each other up, and take
 * turns with those whom they serve: one at a time does the same work for a tenth to a fifth less.
 */
function goRuntimeSettings(): Record<string, string> {
  return {
    GOGC: '400',
    GOMEMLIMIT: `${Math.floor(totalmem() / 4 / MIB)}MiB`,
    ...(availableParallelism() <= FEW_CORES && { GOMAXPROCS: '1' }),
  };
}
