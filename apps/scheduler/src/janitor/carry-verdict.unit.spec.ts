import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_POLICY, NO_TASK, evolve } from '@millrace/domain';
import type { ExistingTask, Fact, TaskEvent } from '@millrace/domain';
import { judgeCarry, looksCarriable } from './carry-verdict.js';

const NOW = Date.parse('2026-01-01T00:00:00.000Z');
const LATER = '2026-01-01T01:00:00.000Z';
const LOW = 50;

const card = {
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
};
const factOf = (event: TaskEvent, sequence = 10): Fact => ({
  ...event,
  queue: 'films',
  task_id: 'a',
  sequence,
  id: 'e',
  prev: 0,
  at: LATER,
  actor: 'test',
});
const judge = (fact: Fact) => judgeCarry(evolve(NO_TASK, fact) as ExistingTask, fact, LOW, NOW);

describe('a wait below the mark', () => {
  it('is carried', () => {
    expect(judge(factOf({ kind: 'paused', data: { ...card, reason: 'asked' } }))).toBe('carry');
    expect(judge(factOf({ kind: 'held', data: { ...card, waiting_for: 'a slot' } }))).toBe('carry');
    expect(
      judge(factOf({ kind: 'scheduled', data: { ...card, until: LATER, lane: 'p5', reason: 'delay' } })),
    ).toBe('carry');
  });

  it('is carried again when it was carried before the mark came so far', () => {
    expect(judge(factOf({ kind: 'paused', data: { ...card, reason: 'asked', carried: 3 } }))).toBe('carry');
  });

  it('is left when it was carried beyond the mark already', () => {
    expect(judge(factOf({ kind: 'paused', data: { ...card, reason: 'asked', carried: 3 } }, LOW))).toBe(
      'needless',
    );
  });

  it('is carried with its checkpoint', () => {
    expect(judge(factOf({ kind: 'paused', data: { ...card, checkpoint: 4, reason: 'asked' } }))).toBe(
      'carry',
    );
  });

  it('is carried again when the mark has come past what it needs beside itself', () => {
    const carried = { ...card, reason: 'asked', carried: 3 };
    expect(judge(factOf({ kind: 'paused', data: { ...carried, needs: LOW } }, LOW + 1))).toBe('needless');
    expect(judge(factOf({ kind: 'paused', data: { ...carried, needs: LOW - 1 } }, LOW + 1))).toBe('carry');
  });

  it('stays when it is due: it would lose its place', () => {
    const until = new Date(NOW).toISOString();
    expect(judge(factOf({ kind: 'scheduled', data: { ...card, until, lane: 'p5', reason: 'delay' } }))).toBe(
      'bound',
    );
  });
});

describe('a task that was a wait in the read model', () => {
  const ready = factOf({ kind: 'p5', data: { ...card, reason: 'resumed' } }, 60);

  it('binds the log when it is ready by now', () => {
    expect(judge(ready)).toBe('bound');
  });

  it('needs nothing when it has ended', () => {
    const state = evolve(NO_TASK, ready) as ExistingTask;
    const cancelled = factOf({ kind: 'cancelled', data: { reason: 'cancelled', previous: 'PENDING' } }, 61);
    expect(judgeCarry(evolve(state, cancelled) as ExistingTask, cancelled, LOW, NOW)).toBe('needless');
  });
});

describe('a row', () => {
  const row = { phase: 'paused', due_ticket: null } as const;

  it('looks carriable when it is a wait', () => {
    expect(looksCarriable(row)).toBe(true);
    expect(looksCarriable({ ...row, phase: 'scheduled' })).toBe(true);
    expect(looksCarriable({ ...row, phase: 'ready' })).toBe(false);
    expect(looksCarriable({ ...row, phase: 'running' })).toBe(false);
  });

  it('does not when its ticket waits in a lane', () => {
    expect(looksCarriable({ ...row, phase: 'scheduled', due_ticket: 12 })).toBe(false);
  });
});
