import { describe, expect, it } from '@jest/globals';
import { Bell } from './bell.js';

const LONG_MS = 60_000;

describe('a bell', () => {
  it('wakes its waiter when it is rung', async () => {
    const bell = new Bell(LONG_MS);
    const rung = bell.rung();
    bell.ring();
    expect(await rung).toBe(true);
    bell.close();
  });

  it('keeps a ring for the next wait, and only for that one', async () => {
    const bell = new Bell(LONG_MS);
    bell.ring();
    bell.ring();
    expect(await bell.rung()).toBe(true);
    expect(await bell.rung(1)).toBe(false);
    bell.close();
  });

  it('is closed when its time is over', async () => {
    const bell = new Bell(5);
    expect(await bell.rung()).toBe(false);
    expect(bell.isClosed).toBe(true);
    expect(await bell.rung()).toBe(false);
  });

  it('is closed when nobody waits any more, now or before', async () => {
    const client = new AbortController();
    const bell = new Bell(LONG_MS, client.signal);
    const rung = bell.rung();
    client.abort();
    expect(await rung).toBe(false);
    expect(bell.isClosed).toBe(true);
    expect(new Bell(LONG_MS, client.signal).isClosed).toBe(true);
  });
});
