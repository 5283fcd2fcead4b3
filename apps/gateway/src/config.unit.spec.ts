import { describe, expect, it } from '@jest/globals';
import { readGatewayConfig } from './config.js';

describe('the configuration', () => {
  it('needs no variable', () => {
    expect(readGatewayConfig({})).toMatchObject({
      PORT: 3000,
      MILLRACE_HOST: '0.0.0.0',
      MILLRACE_AUTH: 'on',
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readGatewayConfig({ MILLRACE_ADMIN_KEY: '', PORT: '' })).toMatchObject({ PORT: 3000 });
  });

  it('names all faults at once', () => {
    const read = () =>
      readGatewayConfig({ PORT: '70000', MILLRACE_AUTH: 'maybe', MILLRACE_STORE_LIMIT_BYTES: '-1' });
    expect(read).toThrow(
      /3 faults[^]*PORT: must be a whole number from 0 to 65535[^]*MILLRACE_AUTH[^]*MILLRACE_STORE_LIMIT_BYTES/,
    );
  });
});
