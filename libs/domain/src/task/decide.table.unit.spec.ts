import { describe, expect, it } from '@jest/globals';
import type { Command, CommandType } from './commands.js';
import { decide } from './decide.js';
import type { TaskEvent } from './facts.js';
import { isRefusal } from './refusals.js';
import type { TaskState } from './state.js';
import { CARD, NOW, TASK, after, given, later, stateAfter } from './task.specification.js';

const spec = { ...TASK, expires_at: new Date(NOW.now + 3_600_000).toISOString() };
const parameters = { film: 'a.mov' };
const error = { name: 'Error', message: 'no disk' };
const submit: Command = { type: 'submit', spec, parameters };
const claim: Command = { type: 'claim', worker: 'w1', ticket: 1 };
const fail: Command = { type: 'fail', token: 2, error, retryable: true, duration_ms: 5 };

const SOON = new Date(NOW.now + 60_000).toISOString();

/** Each phase, and the ways to be in it that differ. */
const STATES = {
  none: [],
  ready: after(submit),
  delayed: after({ ...submit, not_before: '2026-01-01T01:00:00.000Z' }),
  retrying: after(submit, claim, fail),
  held: after({ ...submit, limited: true }),
  asleep: after(submit, claim, { type: 'suspend', token: 2, until: SOON, duration_ms: 5 }),
  waiting: after(submit, claim, { type: 'suspend', token: 2, waiting_for: 'signal:go', duration_ms: 5 }),
  started: after(submit, claim),
  processing: after(submit, claim, { type: 'report-progress', token: 2, progress: { percent: 5 } }),
  yielded: after(submit, claim, { type: 'yield', token: 2, reason: 'drain' }),
  paused: after(submit, { type: 'pause', reason: 'asked' }),
  succeeded: after(submit, claim, { type: 'succeed', token: 2, result: 42, duration_ms: 5 }),
  failed: after(submit, claim, { ...fail, retryable: false }),
  cancelled: after(submit, { type: 'cancel' }),
  purged: after(submit, { type: 'cancel', operation: 'op-1' }),
  'purged-pause': after(submit, { type: 'pause', reason: 'asked' }, { type: 'cancel', operation: 'op-1' }),
  cleaned: after(submit, claim, { ...fail, retryable: false }, { type: 'clean', seen: 3 }),
  'cleaned-cancel': after(submit, { type: 'cancel', operation: 'op-1' }, { type: 'clean', seen: 2 }),
} satisfies Record<string, TaskEvent[]>;

/** Well-aimed commands: right ticket, right token, last fact seen. */
const COMMANDS: Record<CommandType, (state: TaskState) => Command> = {
  submit: () => submit,
  claim: (state) => ({ ...claim, ...(state.phase === 'scheduled' && { ticket: 99, after: state.sequence }) }),
  'take-over': (state) => ({ type: 'take-over', worker: 'w2', ticket: 1, seen: lastOf(state) }),
  'report-progress': () => ({ type: 'report-progress', token: 2, progress: { percent: 10 } }),
  'save-checkpoint': () => ({ type: 'save-checkpoint', token: 2, state: { frame: 7 } }),
  'record-step': () => ({ type: 'record-step', token: 2, step: { name: 'probe', type: 'step', order: 1 } }),
  suspend: () => ({ type: 'suspend', token: 2, waiting_for: 'signal:go', duration_ms: 5 }),
  release: () => ({ type: 'release', waiting_for: 'signal:go' }),
  yield: () => ({ type: 'yield', token: 2, reason: 'drain' }),
  succeed: () => ({ type: 'succeed', token: 2, result: 42, duration_ms: 5 }),
  fail: () => fail,
  cancel: () => ({ type: 'cancel' }),
  expire: () => ({ type: 'expire' }),
  pause: () => ({ type: 'pause', reason: 'asked' }),
  resume: () => ({ type: 'resume' }),
  retry: () => ({ type: 'retry' }),
  'change-priority': () => ({ type: 'change-priority', priority: 9 }),
  'move-to-front': () => ({ type: 'move-to-front' }),
  'move-to-back': () => ({ type: 'move-to-back' }),
  place: () => ({ type: 'place', lane: 'p7', rank: 0.5 }),
  age: () => ({ type: 'age' }),
  reschedule: () => ({ type: 'reschedule', until: SOON }),
  'run-now': () => ({ type: 'run-now' }),
  replace: () => ({ type: 'replace', spec, parameters: 'new' }),
  grant: () => ({ type: 'grant', slot: true }),
  restore: () => ({ type: 'restore', operation: 'op-1' }),
  'repair-ticket': (state) => ({ type: 'repair-ticket', seen: lastOf(state) }),
  carry: () => ({ type: 'carry' }),
  clean: (state) => ({ type: 'clean', seen: lastOf(state) }),
};

const lastOf = (state: TaskState): number => (state.phase === 'none' ? 0 : state.sequence);

const WAITING = 'ready delayed retrying held asleep waiting yielded';
const RUNNING = 'started processing';
const CLEANED = 'cleaned cleaned-cancel';
const ENDED = `succeeded failed cancelled purged purged-pause ${CLEANED}`;
const overtaken = { 'task/not-found': 'none', 'task/attempt-overtaken': `${WAITING} paused ${ENDED}` };

/** For each command: what comes of it, and in which states. */
const TABLE: Record<CommandType, Record<string, string>> = {
  submit: { p5: 'none', 'task/already-exists': `${WAITING} ${RUNNING} paused ${ENDED}` },
  claim: {
    started: 'ready delayed retrying asleep yielded',
    'task/not-found': 'none',
    'task/not-claimable': `held waiting ${RUNNING} paused ${ENDED}`,
  },
  'take-over': {
    started: RUNNING,
    'task/not-found': 'none',
    'task/not-claimable': `${WAITING} paused ${ENDED}`,
  },
  'report-progress': { progress: RUNNING, ...overtaken },
  'save-checkpoint': { checkpoint: RUNNING, ...overtaken },
  'record-step': { step: RUNNING, ...overtaken },
  suspend: { held: RUNNING, ...overtaken },
  release: {
    p5: 'waiting',
    nothing: `ready delayed retrying held asleep yielded ${RUNNING} paused ${ENDED}`,
    'task/not-found': 'none',
  },
  yield: { yielded: RUNNING, ...overtaken },
  succeed: { succeeded: RUNNING, ...overtaken },
  fail: { scheduled: RUNNING, ...overtaken },
  cancel: {
    cancelled: `${WAITING} ${RUNNING} paused`,
    nothing: 'cancelled purged purged-pause cleaned-cancel',
    'task/already-cleaned': 'cleaned',
    'task/not-found': 'none',
    'task/already-succeeded': 'succeeded',
    'task/already-failed': 'failed',
  },
  expire: {
    cancelled: 'ready delayed held',
    nothing: `retrying asleep waiting yielded ${RUNNING} paused ${ENDED}`,
    'task/not-found': 'none',
  },
  pause: {
    paused: `${WAITING} ${RUNNING}`,
    nothing: 'paused',
    'task/not-found': 'none',
    'task/already-ended': ENDED,
  },
  resume: {
    p5: 'paused failed',
    'task/not-found': 'none',
    'task/already-cleaned': CLEANED,
    'task/not-resumable': `${WAITING} ${RUNNING} succeeded cancelled purged purged-pause`,
  },
  retry: {
    p5: 'failed',
    'task/not-found': 'none',
    'task/already-cleaned': CLEANED,
    'task/not-retryable': `${WAITING} ${RUNNING} paused succeeded cancelled purged purged-pause`,
  },
  'change-priority': {
    p9: 'ready yielded',
    scheduled: 'delayed retrying asleep',
    held: 'held waiting',
    'task/not-found': 'none',
    'task/not-waiting': `${RUNNING} paused ${ENDED}`,
  },
  'move-to-front': {
    front: 'ready yielded delayed retrying',
    'task/not-found': 'none',
    'task/not-waiting': `held asleep waiting ${RUNNING} paused ${ENDED}`,
  },
  'move-to-back': {
    p5: 'ready yielded delayed retrying',
    'task/not-found': 'none',
    'task/not-waiting': `held asleep waiting ${RUNNING} paused ${ENDED}`,
  },
  place: {
    held: 'held',
    'task/not-found': 'none',
    'task/not-waiting': `ready delayed retrying asleep waiting yielded ${RUNNING} paused ${ENDED}`,
  },
  age: {
    p6: 'ready yielded',
    held: 'held',
    'task/not-found': 'none',
    'task/not-waiting': `delayed retrying asleep waiting ${RUNNING} paused ${ENDED}`,
  },
  reschedule: {
    scheduled: 'ready yielded delayed retrying held',
    'task/not-found': 'none',
    'task/not-waiting': `asleep waiting ${RUNNING} paused ${ENDED}`,
  },
  'run-now': {
    p5: 'delayed retrying',
    nothing: 'ready yielded held',
    'task/not-found': 'none',
    'task/not-waiting': `asleep waiting ${RUNNING} paused ${ENDED}`,
  },
  replace: {
    p5: 'ready delayed held',
    'task/not-found': 'none',
    paused: 'paused',
    'task/already-started': 'retrying yielded',
    'task/not-waiting': `asleep waiting ${RUNNING} ${ENDED}`,
  },
  grant: {
    p5: 'held',
    'task/not-found': 'none',
    'task/not-waiting': `ready delayed retrying asleep waiting yielded ${RUNNING} paused ${ENDED}`,
  },
  restore: {
    p5: 'purged',
    paused: 'purged-pause',
    'task/not-found': 'none',
    'task/already-cleaned': CLEANED,
    'task/not-restorable': `${WAITING} ${RUNNING} paused succeeded failed cancelled`,
  },
  'repair-ticket': {
    p5: `ready delayed retrying asleep yielded ${RUNNING}`,
    'task/not-found': 'none',
    'task/not-waiting': `held waiting paused ${ENDED}`,
  },
  carry: {
    scheduled: 'delayed retrying asleep',
    held: 'held waiting',
    paused: 'paused',
    'task/not-found': 'none',
    'task/not-waiting': `ready yielded ${RUNNING} ${ENDED}`,
  },
  clean: {
    cleaned: 'succeeded failed cancelled purged purged-pause',
    nothing: CLEANED,
    'task/not-found': 'none',
    'task/not-cleanable': `${WAITING} ${RUNNING} paused`,
  },
};

function outcome(type: CommandType, events: TaskEvent[]): string {
  const state = stateAfter(events);
  try {
    return decide(COMMANDS[type](state), state, type === 'expire' ? later(7200) : NOW)?.kind ?? 'nothing';
  } catch (error) {
    if (isRefusal(error)) return error.code;
    throw error;
  }
}

describe('every command in every state', () => {
  for (const [type, outcomes] of Object.entries(TABLE) as [CommandType, Record<string, string>][]) {
    it(`${type}: ${Object.keys(outcomes).join(', ')}`, () => {
      const expected = Object.entries(outcomes).flatMap(([result, names]) =>
        names.split(' ').map((name) => [name, result] as const),
      );
      const decided = Object.entries(STATES).map(([name, events]) => [name, outcome(type, events)] as const);
      expect(expected).toHaveLength(decided.length);
      expect(Object.fromEntries(decided)).toEqual(Object.fromEntries(expected));
    });
  }
});

describe('the given/when/then of the specifications', () => {
  it('tells what was decided when it is not what was expected', () => {
    expect(() => given(STATES.ready).when(claim).thenNothing()).toThrow(/decided:[^]*"kind": "started"/);
    expect(() => given([]).when(claim).thenRefused('task/not-claimable')).toThrow('task/not-found');
    expect(() =>
      given(STATES.cancelled)
        .when({ type: 'cancel' })
        .then({ kind: 'front', data: { ...CARD, reason: 'reordered' } }),
    ).toThrow('decided');
  });
});
