import { describe, expect, it } from '@jest/globals';
import { readSchedulerConfig } from './config.js';

const NATS = { NATS_URL: 'nats://127.0.0.1:4222', DATABASE_URL: 'postgres://127.0.0.1/millrace' };
const retentionOf = (settings: Record<string, string>) => {
  const config = readSchedulerConfig({ ...NATS, ...settings });
  return [config.MILLRACE_CLEANUP_RETENTION_HOURS, config.MILLRACE_CLEANUP_RETENTION];
};

describe('the retention of ended tasks', () => {
  it('has the defaults of the guide', () => {
    expect(retentionOf({})).toEqual([12, { transcription: 24, vod_processing: 48 }]);
  });

  it('is in hours, or for ever', () => {
    expect(
      retentionOf({
        MILLRACE_CLEANUP_RETENTION_HOURS: 'forever',
        MILLRACE_CLEANUP_RETENTION: 'send_mail=0.5, audit=forever,',
      }),
    ).toEqual([Infinity, { send_mail: 0.5, audit: Infinity }]);
  });

  it.each(['soon', '-1', 'a=b', 'Upper=1', '=3'])('is not %s', (text) => {
    expect(() => retentionOf({ MILLRACE_CLEANUP_RETENTION: text })).toThrow('MILLRACE_CLEANUP_RETENTION');
  });
});
