import { describe, expect, it } from '@jest/globals';
import { isId } from '@millrace/domain';
import { newTaskId } from './task-id.js';

describe('a new id', () => {
  it('is a UUID of version 7, and never the same', () => {
    const ids = Array.from({ length: 10_000 }, newTaskId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(ids.every(isId)).toBe(true);
  });

  it('begins with the time', () => {
    const before = Date.now();
    const at = Number.parseInt(newTaskId().replaceAll('-', '').slice(0, 12), 16);
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
  });
});
