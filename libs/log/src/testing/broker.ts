import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNatsServer, startNats } from '@millrace/embedded';
import type { RunningNats, StartNatsOptions } from '@millrace/embedded';
import { connect } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { TaskLog } from '../task-log.js';
import type { LogOptions } from '../task-log.js';
import { waitUntil } from './wait-until.js';

const PROJECT_CACHE = fileURLToPath(new URL('../../../../.millrace/bin', import.meta.url));

/** Longer than a handshake that a dying broker does not end. */
const RECONNECTED_WITHIN_MS = 30_000;

/**
 * A real nats-server with everything that a spec opens on it. The suites of the log cannot use libs/testing, which depends on the log.
 */
export class Broker {
  readonly #logs = new Set<TaskLog>();
  readonly #connections: NatsConnection[] = [];

  private constructor(
    private readonly binary: string,
    private readonly dataDir: string,
    private readonly extraConfig: string,
    private readonly login: { user: string; password: string } | undefined,
    private readonly options: Partial<StartNatsOptions>,
    private nats: RunningNats,
  ) {}

  /** @param login one of the users of the extra configuration, if it has any */
  static async start(
    extraConfig = '',
    login?: { user: string; password: string },
    options: Partial<StartNatsOptions> = {},
  ): Promise<Broker> {
    // eslint-disable-next-line no-restricted-syntax -- specs have no config.ts; libs/testing may read it, and depends on us
    const explicitPath = process.env.MILLRACE_NATS_SERVER;
    const { path: binary } = await findNatsServer({ cacheDir: PROJECT_CACHE, explicitPath });
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-log-'));
    const nats = await startNats({ binary, dataDir, extraConfig, ...options });
    return new Broker(binary, dataDir, extraConfig, login, options, nats);
  }

  get url(): string {
    const url = new URL(this.nats.url);
    if (this.login) [url.username, url.password] = [this.login.user, this.login.password];
    return url.toString();
  }

  async open(options: Partial<LogOptions> = {}): Promise<TaskLog> {
    const log = await TaskLog.open({ url: this.url, name: 'test', ...options });
    this.#logs.add(log);
    log.on('closed', () => this.#logs.delete(log));
    return log;
  }

  /** A connection of somebody who knows nothing of the log. */
  async stranger(): Promise<NatsConnection> {
    const { username, password, host } = new URL(this.url);
    const connection = await connect({
      servers: host,
      user: username,
      pass: password,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
    });
    this.#connections.push(connection);
    return connection;
  }

  /** SIGKILL. */
  kill(): Promise<void> {
    return this.nats.kill();
  }

  /** Starts it again where it was. */
  async restart(): Promise<void> {
    const { port } = this.nats;
    await this.nats.stop();
    this.nats = await startNats({
      binary: this.binary,
      dataDir: this.dataDir,
      extraConfig: this.extraConfig,
      ...this.options,
      port,
    });
  }

  /** SIGKILL and up again; resolves when all that is open on it is connected again. */
  async crash(): Promise<void> {
    await this.kill();
    await this.restart();
    await waitUntil(() => [...this.#logs].every((log) => log.connected), RECONNECTED_WITHIN_MS);
    await Promise.all(this.#connections.map((connection) => connection.flush().catch(() => undefined)));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#logs].map((log) => log.close()));
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await this.nats.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
