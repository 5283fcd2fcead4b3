import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { PROJECT_DIR, readStandaloneConfig } from './config.js';

describe('the configuration of standalone', () => {
  it('needs nothing: it then starts both servers and keeps its data in the project folder', () => {
    expect(readStandaloneConfig({})).toEqual({
      dataDir: join(PROJECT_DIR, '.millrace'),
      port: 3000,
      adminKey: undefined,
      mayColour: true,
      nats: { kind: 'embedded', port: 4222, explicitPath: undefined },
      postgres: { kind: 'embedded', port: 5433 },
    });
  });

  it('starts no server it has a URL for', () => {
    const config = readStandaloneConfig({
      NATS_URL: 'nats://u:p@broker:4222',
      DATABASE_URL: 'postgres://u:p@db/millrace',
    });
    expect(config.nats).toEqual({ kind: 'external', url: 'nats://u:p@broker:4222' });
    expect(config.postgres).toEqual({ kind: 'external', url: 'postgres://u:p@db/millrace' });
  });

  it('lists every wrong variable in a sentence', () => {
    const read = () =>
      readStandaloneConfig({ PORT: '0', MILLRACE_NATS_PORT: 'x', NATS_URL: 'broker', DATABASE_URL: '' });
    expect(read).toThrow('PORT: must be a port, a whole number from 1 to 65535.');
    expect(read).toThrow('MILLRACE_NATS_PORT: must be a port, a whole number from 0 to 65535.');
    expect(read).toThrow('NATS_URL: must be a URL such as nats://user:password@host:4222.');
    expect(read).not.toThrow('DATABASE_URL');
  });
});
