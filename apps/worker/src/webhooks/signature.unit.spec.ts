import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { signatureOf } from './signature.js';

describe('a signature', () => {
  it('is of the time and the body, and can be made again by whoever has the secret', () => {
    const expected = createHmac('sha256', 'secret').update('1700000000.{"a":1}').digest('hex');
    expect(signatureOf('secret', '{"a":1}', 1_700_000_000_999)).toBe(`t=1700000000,v1=${expected}`);
  });
});
