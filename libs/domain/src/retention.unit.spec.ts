import { describe, expect, it } from '@jest/globals';
import { dueBefore, retentionHours } from './retention.js';
import type { RetentionPolicy } from './retention.js';

const policy: RetentionPolicy = {
  defaultHours: 12,
  hoursByTask: { transcription: 24, vod_processing: 48, audit: Infinity },
  hoursByQueue: { bulk: 1, ledger: Infinity },
  undoHours: 168,
};

const failed = (queue: string, name: string): number =>
  retentionHours(policy, { queue, name, hasSucceeded: false, isUndoable: false });
const succeeded = (queue: string, name: string): number =>
  retentionHours(policy, { queue, name, hasSucceeded: true, isUndoable: false });

describe('the retention of a task', () => {
  it('that failed or was cancelled is that of its name, else the default', () => {
    expect(failed('video', 'transcription')).toBe(24);
    expect(failed('video', 'vod_processing')).toBe(48);
    expect(failed('video', 'render')).toBe(12);
    expect(failed('video', 'audit')).toBe(Infinity);
  });

  it('that succeeded is for ever', () => {
    expect(succeeded('video', 'transcription')).toBe(Infinity);
  });

  it('is that of its queue where the queue has one, whatever its name and its end', () => {
    expect(failed('bulk', 'vod_processing')).toBe(1);
    expect(succeeded('bulk', 'render')).toBe(1);
    expect(failed('ledger', 'render')).toBe(Infinity);
  });

  it('lasts at least as long as the operation that cancelled it can be undone', () => {
    const undoable = { name: 'render', hasSucceeded: false, isUndoable: true };
    expect(retentionHours(policy, { queue: 'bulk', ...undoable })).toBe(168);
    expect(retentionHours(policy, { queue: 'ledger', ...undoable })).toBe(Infinity);
  });

  it('takes a name like any other that objects have by themselves', () => {
    expect(failed('constructor', 'toString')).toBe(12);
  });
});

describe('what is due', () => {
  const now = Date.parse('2026-01-02T00:00:00.000Z');

  it('ended so many hours ago', () => {
    expect(dueBefore(12, now)).toBe('2026-01-01T12:00:00.000Z');
    expect(dueBefore(0.5, now)).toBe('2026-01-01T23:30:00.000Z');
  });

  it('is nothing of what is kept for ever', () => {
    expect(dueBefore(Infinity, now)).toBeUndefined();
    expect(dueBefore(1e12, now)).toBe('1970-01-01T00:00:00.000Z');
  });
});
