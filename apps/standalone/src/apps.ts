import { join } from 'node:path';
import { PROJECT_DIR } from './config.js';

/** What every app needs to know to find the servers. */
export interface Connections {
  natsUrl: string;
  databaseUrl: string;
  /** What the broker may store, where we know: the gateway refuses submits before it is full. */
  storeLimitBytes: number | undefined;
}

/** What only the gateway is told. */
export interface GatewaySettings {
  port: number;
  adminKey: string | undefined;
}

/** One app as a child process. */
export interface AppDefinition {
  name: string;
  entry: string;
  env: NodeJS.ProcessEnv;
}

/** Started together, since each waits for what it needs; stopped in this order, the worker first, with its drain. */
export const STOP_ORDER = ['worker', 'gateway', 'scheduler', 'projector'] as const;

/** The four apps, each with the settings it needs and no others. */
export function defineApps(connections: Connections, gateway: GatewaySettings): AppDefinition[] {
  const shared = {
    // One variable cannot name a port for each of them.
    MILLRACE_METRICS_PORT: '',
    NATS_URL: connections.natsUrl,
    DATABASE_URL: connections.databaseUrl,
    ...(connections.storeLimitBytes !== undefined && {
      MILLRACE_STORE_LIMIT_BYTES: String(connections.storeLimitBytes),
    }),
  };
  const own: Partial<Record<string, NodeJS.ProcessEnv>> = {
    worker: { MILLRACE_WEBHOOKS: 'true' },
    gateway: { PORT: String(gateway.port), MILLRACE_ADMIN_KEY: gateway.adminKey },
  };
  return STOP_ORDER.map((name) => ({
    name,
    entry: join(PROJECT_DIR, 'apps', name, 'dist', 'main.js'),
    env: { ...shared, ...own[name] },
  }));
}
