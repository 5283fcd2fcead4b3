import { describe, expect, it } from '@jest/globals';
import { isSameLog } from './log-identity.js';

const state = { firstSequence: 10, lastSequence: 100, messages: 90, bytes: 1, createdAt: 'then' };
const projections = [{ name: 'tasks', sequence: 90, stream_created_at: 'then', wal: '0/0' }];
const landmark = { sequence: 80, event_id: 'e' };

describe('the log that the tables tell of', () => {
  it('was made at the same time and holds the last fact of the archive', () => {
    expect(isSameLog(state, projections, landmark, 'e')).toBe(true);
  });

  it('is another one when it was made at another time', () => {
    expect(isSameLog({ ...state, createdAt: 'now' }, projections, landmark, 'e')).toBe(false);
  });

  it('has gone back when it is shorter than what was projected', () => {
    expect(isSameLog({ ...state, lastSequence: 89 }, projections, landmark, 'e')).toBe(false);
  });

  it('has gone back and grown again when the last fact of the archive is another one', () => {
    expect(isSameLog(state, projections, landmark, 'f')).toBe(false);
    expect(isSameLog(state, projections, landmark, undefined)).toBe(false);
  });

  it('is the same when that fact was purged, or there is none', () => {
    expect(isSameLog(state, projections, { ...landmark, sequence: 9 }, undefined)).toBe(true);
    expect(isSameLog(state, projections, undefined, undefined)).toBe(true);
  });
});
