/** Everything that varies in the configuration of an embedded nats-server. */
export interface NatsConfig {
  port: number;
  monitorPort: number | undefined;
  user: string;
  password: string;
  storeDir: string;
  maxFileStoreBytes: number;
  maxMemoryStoreBytes: number;
  maxPayloadBytes: number;
  syncInterval: string;
  extraConfig: string;
}

/** Renders the configuration file. Loopback only, always with a login; HTTP monitoring only when asked for. */
export function renderNatsConfig(config: NatsConfig): string {
  const lines = [
    'server_name: millrace',
    'host: "127.0.0.1"',
    // -1 lets the server itself take a free port: nobody can steal it between choosing and listening.
    `port: ${String(config.port === 0 ? -1 : config.port)}`,
    ...(config.monitorPort === undefined ? [] : [`http: "127.0.0.1:${String(config.monitorPort)}"`]),
    `max_payload: ${String(config.maxPayloadBytes)}`,
    `authorization { user: ${JSON.stringify(config.user)}, password: ${JSON.stringify(config.password)} }`,
    'jetstream {',
    `  store_dir: ${JSON.stringify(config.storeDir)}`,
    `  max_file_store: ${String(config.maxFileStoreBytes)}`,
    `  max_memory_store: ${String(config.maxMemoryStoreBytes)}`,
    `  sync_interval: ${JSON.stringify(config.syncInterval)}`,
    '}',
    config.extraConfig,
  ];
  return lines.filter((line) => line !== '').join('\n') + '\n';
}
