import { mkdir } from 'node:fs/promises';
import { provideAdminKey } from './admin-key.js';
import { runApp, type AppLife } from './app-process.js';
import { defineApps, type AppDefinition, type Connections, type GatewaySettings } from './apps.js';
import type { StandaloneConfig } from './config.js';
import type { Output } from './output.js';
import { requireFreePort } from './port-check.js';
import { untilReady } from './ready.js';
import { provideNats, providePostgres, type Server } from './servers.js';
import { Supervised } from './supervised.js';
import { welcome } from './welcome.js';

const SLOW_START_MS = 30_000;

/** Replaces the four apps by others; for specs. */
export type DefineApps = (connections: Connections, gateway: GatewaySettings) => AppDefinition[];

/** The whole system on one machine: the servers, then the apps, and all of them stopped in the reverse sense. */
export class Standalone {
  private servers: Server[] = [];
  private apps: Supervised<AppLife>[] = [];
  private readonly stopping = new AbortController();
  private starting: Promise<void> | undefined;

  constructor(
    private readonly config: StandaloneConfig,
    private readonly output: Output,
    private readonly define: DefineApps = defineApps,
  ) {}

  /** Resolves when the gateway is ready, or when a stop came first. When it fails, nothing is left running. */
  async start(): Promise<void> {
    this.starting = this.startAll();
    try {
      await this.starting;
    } catch (error) {
      // A stop that came in meanwhile is why it failed, and stops the rest.
      if (this.stopping.signal.aborted) return;
      await this.stop();
      throw error;
    }
  }

  /** Stops apps in their order, then the servers. Safe before the start, during it, and twice. */
  async stop(): Promise<void> {
    this.stopping.abort();
    // What is half started finishes first: nothing may be born after the stop.
    await this.starting?.catch(() => undefined);
    for (const app of this.apps) await app.stop();
    await Promise.all(this.ownServers().map((server) => server.stop()));
  }

  async kill(): Promise<void> {
    this.stopping.abort();
    await Promise.all([...this.apps, ...this.ownServers()].map((one) => one.kill()));
  }

  private ownServers() {
    return this.servers.flatMap((server) => server.supervised ?? []);
  }

  private async startAll(): Promise<void> {
    const { config } = this;
    await requireFreePort(config.port, 'PORT');
    await mkdir(config.dataDir, { recursive: true });
    const adminKey = await provideAdminKey(config);
    const connections = await this.startServers();
    if (this.stopping.signal.aborted) return;
    await this.startApps(this.define(connections, { port: config.port, adminKey: adminKey.key }));
    const url = `http://localhost:${String(config.port)}`;
    if (!(await this.awaitReady(`http://127.0.0.1:${String(config.port)}/health/ready`))) return;
    await adminKey.remember();
    this.output.plain(welcome(url, adminKey.shown));
  }

  private async startServers(): Promise<Connections> {
    const attempts = await Promise.allSettled([
      provideNats(this.config, this.output, this.report, this.stopping.signal),
      providePostgres(this.config, this.output, this.report),
    ]);
    this.servers = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
    const failures = attempts.flatMap((attempt) =>
      attempt.status === 'rejected' ? [attempt.reason as unknown] : [],
    );
    if (failures.length > 1) throw new AggregateError(failures);
    if (failures.length === 1) throw failures[0];
    const [nats, postgres] = this.servers as [Server, Server];
    return {
      natsUrl: nats.url,
      databaseUrl: postgres.url,
      storeLimitBytes: nats.storeLimitBytes,
    };
  }

  private async startApps(definitions: readonly AppDefinition[]): Promise<void> {
    this.apps = definitions.map(
      (definition) => new Supervised(definition.name, () => runApp(definition, this.output), this.report),
    );
    await Promise.all(this.apps.map((app) => app.start()));
  }

  private async awaitReady(url: string): Promise<boolean> {
    const timer = setTimeout(() => {
      this.report(`${url} does not answer yet; the lines above may say why. Still waiting.`);
    }, SLOW_START_MS);
    try {
      return await untilReady(url, this.stopping.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  private readonly report = (line: string): void => {
    this.output.line('millrace', line);
  };
}
