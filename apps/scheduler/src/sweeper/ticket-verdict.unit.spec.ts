import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import type { ExistingTask, Lane, ReadyTask, Run } from '@millrace/domain';
import { judgeTicket } from './ticket-verdict.js';

const known = {
  id: 'a',
  queue: 'films',
  sequence: 12,
  updated_at: '2026-01-01T00:00:00.000Z',
  spec: {
    name: 'render',
    priority: 5,
    retry: DEFAULT_RETRY_POLICY,
    soft_time_limit: 1,
    time_limit: 2,
    submitted_at: '2026-01-01T00:00:00.000Z',
  },
  attempts: { begun: 0, failed: 0, lost: 0 },
  input: 10,
  checkpoint: 0,
  step: 0,
};
const run: Run = { attempt: 1, worker: 'w', ticket: 10, token: 11, failed: 0, lost: 0 };
const ready: ReadyTask = { phase: 'ready', ...known, lane: 'p5', ticket: 10 };
const running: ExistingTask = {
  phase: 'running',
  ...known,
  lane: 'p5',
  run,
  started_at: '',
  reported: false,
};
const floors = (floor: number, lane: Lane = 'p5') => new Map([[lane, floor]]);

describe('a ready task', () => {
  it('has lost its ticket when it lies at or below the ack floor of its lane', () => {
    expect(judgeTicket(ready, floors(10)).action).toBe('repair');
    expect(judgeTicket(ready, floors(11)).action).toBe('repair');
  });

  it('is left while its ticket is above the floor, however long it waits', () => {
    expect(judgeTicket(ready, floors(9)).action).toBe('leave');
  });

  it('is judged by the lane the log names, not by that of another ticket', () => {
    expect(judgeTicket({ ...ready, lane: 'front' }, floors(99)).action).toBe('leave');
  });

  it('is left where its lane has no consumer yet', () => {
    expect(judgeTicket(ready, new Map()).action).toBe('leave');
  });

  it('keeps the ticket of the attempt that gave it back', () => {
    expect(judgeTicket({ ...ready, sequence: 20, ticket: 10 }, floors(10)).action).toBe('repair');
  });
});

describe('a running task', () => {
  it('is asked for before anything is done', () => {
    expect(judgeTicket(running, floors(10))).toMatchObject({ action: 'ask', run });
  });

  it('is left while its ticket will come back by itself', () => {
    expect(judgeTicket(running, floors(9)).action).toBe('leave');
  });
});

describe('a task that needs no ticket', () => {
  const states: ExistingTask[] = [
    { phase: 'held', ...known, waiting_for: 'slot', lane: 'p5', rank: 1 },
    { phase: 'paused', ...known, reason: 'asked' },
    { phase: 'scheduled', ...known, until: '', lane: 'p5', reason: 'delay' },
    { phase: 'succeeded', ...known, result: null, finished_at: '' },
    { phase: 'cancelled', ...known, reason: 'expired', previous: 'PENDING', finished_at: '' },
  ];

  it.each(states)('is left: $phase', (state) => {
    expect(judgeTicket(state, floors(99)).action).toBe('leave');
  });

  it('is left when there is none', () => {
    expect(judgeTicket({ phase: 'none' }, floors(99)).action).toBe('leave');
  });
});
