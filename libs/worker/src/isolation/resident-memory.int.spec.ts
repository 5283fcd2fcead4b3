import { describe, expect, it } from '@jest/globals';
import { residentBytes, residentBytesByPs } from './resident-memory.js';

describe('the resident memory of a process', () => {
  it.each([residentBytes, residentBytesByPs])('is seen from outside (%p)', async (read) => {
    const own = process.memoryUsage.rss();
    const seen = await read(process.pid);
    expect(seen).toBeGreaterThan(own / 2);
    expect(seen).toBeLessThan(own * 2);
  });

  it('is unknown when the process is gone', async () => {
    expect(await residentBytes(2 ** 22)).toBeUndefined();
  });
});
