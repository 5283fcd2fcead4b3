import { describe, expect, it } from '@jest/globals';
import { LINE_BYTES, decodeLine, encodeLine } from './log-lines.js';
import type { LogLine } from './log-lines.js';

const line = (changes: Partial<LogLine> = {}): LogLine => ({
  at: '2026-01-01T00:00:00.000Z',
  level: 'info',
  message: 'Greeted',
  attempt: 1,
  worker: 'w1',
  fields: { name: 'Ada' },
  ...changes,
});

describe('a line of a task', () => {
  it('is read as it was written', () => {
    expect(decodeLine(encodeLine(line()))).toEqual(line());
  });

  it('of just the length allowed is left as it is', () => {
    const full = line({ message: '' });
    full.message = 'm'.repeat(LINE_BYTES - Buffer.byteLength(JSON.stringify(full)));
    expect(decodeLine(encodeLine(full))).toEqual(full);
  });

  it.each([
    ['message', { message: 'm'.repeat(20_000) }],
    ['message of many bytes', { message: '𝄞\u0001"'.repeat(10_000) }],
    ['field', { fields: { stack: 'at work\n'.repeat(10_000) } }],
    ['field full of quotes', { fields: { text: '"\\"'.repeat(10_000) } }],
    ['message with a long field', { message: 'é'.repeat(9_000), fields: { text: '\u0002'.repeat(9_000) } }],
  ])('that has too long a %s is cut, and still a line', (_what, changes) => {
    const whole = line(changes);
    const text = encodeLine(whole);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LINE_BYTES);
    expect(Buffer.byteLength(text)).toBeGreaterThan(LINE_BYTES / 3);
    const { message, fields } = decodeLine(text)!;
    expect(whole.message.startsWith(message)).toBe(true);
    expect(JSON.stringify(whole.fields).startsWith(fields.cut as string)).toBe(true);
  });

  it('that is none is told by nothing', () => {
    for (const text of ['', 'null', '{}', '{"message":"x"}']) expect(decodeLine(text)).toBeUndefined();
  });
});
