import { describe, expect, it } from '@jest/globals';
import { startFromStat } from './process-identity.js';

const REST = '1 42 42 0 -1 4194560 100 0 0 0 1 1 0 0 20 0 11 0 987654 1000 200';

describe("a process's start", () => {
  it('is read past a command that itself holds brackets and spaces', () => {
    expect(startFromStat(`42 (nats (a) b) S ${REST}`, 'boot')).toBe('boot/987654');
  });

  it('does not exist for a zombie, which only waits to be collected', () => {
    expect(startFromStat(`42 (postgres) Z ${REST}`, 'boot')).toBeUndefined();
  });
});
