import { describe, expect, it } from '@jest/globals';
import { renderNatsConfig } from './nats-config.js';

const CONFIG = {
  port: 0,
  monitorPort: undefined,
  user: 'millrace',
  password: 'secret',
  storeDir: '/data/with "quotes"/store',
  maxFileStoreBytes: 1000,
  maxMemoryStoreBytes: 500,
  maxPayloadBytes: 1_048_576,
  syncInterval: '100ms',
  extraConfig: '',
};

describe('the configuration of nats-server', () => {
  it('leaves the choice of a free port to the server, and quotes what it is given', () => {
    expect(renderNatsConfig(CONFIG)).toBe(
      [
        'server_name: millrace',
        'host: "127.0.0.1"',
        'port: -1',
        'max_payload: 1048576',
        'authorization { user: "millrace", password: "secret" }',
        'jetstream {',
        '  store_dir: "/data/with \\"quotes\\"/store"',
        '  max_file_store: 1000',
        '  max_memory_store: 500',
        '  sync_interval: "100ms"',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('opens monitoring, on loopback, only when asked to', () => {
    const text = renderNatsConfig({ ...CONFIG, port: 4222, monitorPort: 8222 });
    expect(text).toContain('port: 4222\nhttp: "127.0.0.1:8222"');
  });
});
