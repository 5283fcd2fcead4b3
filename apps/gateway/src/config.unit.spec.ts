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

  it('knows whose word on the address of a caller is good', () => {
    const read = (text: string) => readGatewayConfig({ MILLRACE_TRUST_PROXY: text }).MILLRACE_TRUST_PROXY;
    expect(readGatewayConfig({}).MILLRACE_TRUST_PROXY).toBe('off');
    expect(read('off')).toBe('off');
    expect(read('2')).toBe(2);
    expect(read('10.0.0.0/8, fd00::1')).toEqual(['10.0.0.0/8', 'fd00::1']);
    for (const text of ['on', '0', '10.0.0.0/33', 'proxy.local', '10.0.0.1,'])
      expect(() => read(text)).toThrow(/MILLRACE_TRUST_PROXY: must be off, a number/);
  });

  it('names all faults at once', () => {
    const read = () =>
      readGatewayConfig({ PORT: '70000', MILLRACE_AUTH: 'maybe', MILLRACE_STORE_LIMIT_BYTES: '-1' });
    expect(read).toThrow(
      /3 faults[^]*PORT: must be a whole number from 0 to 65535[^]*MILLRACE_AUTH[^]*MILLRACE_STORE_LIMIT_BYTES/,
    );
  });
});
