import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import { lostWait, overdueWait } from './wait-verdict.js';
import type { Wait } from './wait-verdict.js';

const until = '2026-01-01T00:00:10.000Z';
const wait: Wait = {
  kind: 'scheduled',
  queue: 'films',
  task_id: 'a',
  sequence: 10,
  id: 'e',
  prev: 0,
  at: '2026-01-01T00:00:00.000Z',
  actor: 'test',
  data: {
    task: {
      name: 'render',
      priority: 5,
      retry: DEFAULT_RETRY_POLICY,
      soft_time_limit: 1,
      time_limit: 2,
      submitted_at: '2026-01-01T00:00:00.000Z',
    },
    attempts: { begun: 0, failed: 0, lost: 0 },
    parameters: null,
    until,
    lane: 'p5',
    reason: 'delay',
  },
};

describe('a wait', () => {
  const due = Date.parse(until);

  it('is overdue once its time and the grace have passed', () => {
    expect(overdueWait(wait, due + 29_999, 30_000)).toBeUndefined();
    expect(overdueWait(wait, due + 30_000, 30_000)).toBe(wait);
  });

  it('is none any more when another fact is the last one', () => {
    const paused = { ...wait, kind: 'paused', data: { ...wait.data, reason: 'asked' } } as const;
    expect(overdueWait(paused, due + 60_000, 30_000)).toBeUndefined();
    expect(overdueWait(undefined, due + 60_000, 30_000)).toBeUndefined();
  });
});

describe('a wait without a timer', () => {
  it('is lost when no timer of it has fired', () => {
    expect(lostWait(wait, undefined, new Map())).toContain('no timer');
    expect(lostWait(wait, { after: 4, sequence: 12 }, new Map())).toContain('no timer');
  });

  it('is well while the ticket of its timer waits in the lane', () => {
    expect(lostWait(wait, { after: 10, sequence: 12 }, new Map([['p5', 11]]))).toBeUndefined();
    expect(lostWait(wait, { after: 10, sequence: 12 }, new Map())).toBeUndefined();
  });

  it('is lost when that ticket will not be delivered again', () => {
    expect(lostWait(wait, { after: 10, sequence: 12 }, new Map([['p5', 12]]))).toContain('ack floor');
  });
});
