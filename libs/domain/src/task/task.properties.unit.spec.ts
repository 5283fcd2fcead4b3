import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Command, CommandType, Context } from './commands.js';
import { decide } from './decide.js';
import { evolve, fold } from './evolve.js';
import { INLINE_PARAMETERS_BYTES, MAX_LOST } from './facts.js';
import type { Fact, TaskCard, TaskEvent } from './facts.js';
import { isLane } from './kinds.js';
import type { Kind } from './kinds.js';
import { isRefusal } from './refusals.js';
import { NO_TASK, hasEnded, statusOf } from './state.js';
import type { ExistingTask, TaskState } from './state.js';
import { NOW, TASK, factOf } from './task.specification.js';

/** One thing that somebody tries: `pick` chooses its arguments, and now and then aims them at the past. */
interface Move {
  type: CommandType;
  pick: number;
}

/** A log with one task in it, and what happened there so far. */
interface World {
  facts: Fact[];
  state: TaskState;
  /** The next sequence of the stream; other tasks and timers take some in between. */
  next: number;
  /** Fact that each ticket is valid for. */
  tickets: Map<number, number>;
  context: Context;
}

const OFTEN: CommandType[] = [
  'claim',
  'claim',
  'claim',
  'take-over',
  'claim',
  'take-over',
  'release',
  'fail',
  'fail',
  'save-checkpoint',
];
const TYPES: CommandType[] = [
  ...OFTEN,
  ...(['submit', 'report-progress', 'record-step', 'yield', 'yield', 'succeed', 'cancel', 'expire'] as const),
  ...(['pause', 'resume', 'resume', 'retry', 'retry', 'change-priority', 'move-to-front'] as const),
  ...(['repair-ticket', 'carry', 'carry', 'suspend', 'release', 'grant', 'grant', 'restore'] as const),
  ...(['move-to-back', 'place', 'age', 'reschedule', 'run-now', 'replace', 'clean'] as const),
];

const moves = fc.array(fc.record({ type: fc.constantFrom(...TYPES), pick: fc.nat(9999) }), {
  minLength: 1,
  maxLength: 60,
  size: 'max',
});

const PARAMETERS = [null, { film: 'a.mov' }, 'x'.repeat(INLINE_PARAMETERS_BYTES)];

function commandOf({ type, pick }: Move, { state, facts, next, context }: World): Command {
  const past = facts[pick % Math.max(facts.length, 1)]?.sequence ?? 1;
  const aimed = <T>(current: T, stale: T): T => (pick % 7 === 0 ? stale : current);
  const token = aimed(state.phase === 'running' ? state.run.token : past, past);
  const ticketOf = (): number =>
    state.phase === 'ready' ? state.ticket : state.phase === 'running' ? state.run.ticket : past;
  const seen = aimed(state.phase === 'none' ? 0 : state.sequence, past);
  const error = { name: 'Error', message: 'no disk' };
  const later = new Date(context.now + 4000).toISOString();
  switch (type) {
    case 'submit':
    case 'replace': {
      const retry = { ...TASK.retry, max_retries: pick % 4 };
      const spec = { ...TASK, retry, priority: pick % 11, ...(pick % 5 === 0 && { expires_at: later }) };
      const parameters = PARAMETERS[pick % 3] ?? null;
      const limited = pick % 3 === 0;
      return { type, spec, parameters, limited, ...(pick % 2 === 0 && { not_before: later }) };
    }
    case 'claim': {
      const limited = pick % 4 === 0;
      return state.phase === 'scheduled'
        ? { type, worker: `w${pick}`, ticket: next, after: aimed(state.sequence, past), limited }
        : { type, worker: `w${pick}`, ticket: aimed(ticketOf(), past), limited };
    }
    case 'take-over':
      return { type, worker: `w${pick}`, ticket: aimed(ticketOf(), past), seen };
    case 'report-progress':
      return { type, token, progress: { percent: pick % 100 } };
    case 'save-checkpoint':
      return { type, token, state: pick };
    case 'record-step':
      return { type, token, step: { name: 'probe', type: 'step', order: 1, result: pick } };
    case 'suspend': {
      const waiting_for = `signal:${pick % 2}`;
      return {
        type,
        token,
        duration_ms: 1,
        ...(pick % 3 > 0 && { waiting_for }),
        ...(pick % 3 < 2 && { until: later }),
      };
    }
    case 'release': {
      const awaited = 'waiting_for' in state ? state.waiting_for : '';
      return { type, waiting_for: aimed(awaited, `signal:${pick % 2}`) };
    }
    case 'yield':
      return { type, token, reason: 'drain' };
    case 'succeed':
      return { type, token, result: pick, duration_ms: 1 };
    case 'fail':
      return { type, token, error, retryable: pick % 5 > 0, duration_ms: 1 };
    case 'cancel':
      // Rarely: nothing comes after it.
      return pick % 4 === 0 ? { type, ...(pick % 8 === 0 && { operation: 'op' }) } : { type: 'carry' };
    case 'restore':
      return { type, operation: aimed('op', 'another') };
    case 'grant':
      return { type, slot: pick % 2 === 0 };
    case 'place':
      return { type, lane: 'p6', rank: pick / 2 };
    case 'reschedule':
      return { type, until: later };
    case 'pause':
      return { type, reason: 'asked', ...(pick % 2 === 0 && { token }) };
    case 'retry':
      return { type, from_start: pick % 2 === 0 };
    case 'change-priority':
      return { type, priority: pick % 11 };
    case 'repair-ticket':
      return { type, seen };
    case 'clean':
      // Rarely: nothing comes after it.
      return pick % 4 === 0
        ? { type, seen, ...(pick % 8 === 0 && { retention_hours: pick }) }
        : { type: 'carry' };
    case 'expire':
    case 'resume':
    case 'move-to-front':
    case 'move-to-back':
    case 'age':
    case 'run-now':
    case 'carry':
      return { type };
  }
}

/** The event, or the code of the refusal. */
function judged(command: Command, state: TaskState, context: Context): TaskEvent | string | undefined {
  try {
    return decide(command, state, context);
  } catch (error) {
    if (isRefusal(error)) return error.code;
    throw error;
  }
}

/** Hundreds of thousands of comparisons: the slow, telling one only where the quick one fails. */
function expectSame(actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual).toEqual(expected);
}

const isEvent = (judgement: ReturnType<typeof judged>): judgement is TaskEvent =>
  typeof judgement === 'object';

const emptyWorld = (): World => ({
  facts: [],
  state: NO_TASK,
  next: 1,
  tickets: new Map(),
  context: NOW,
});

interface Step {
  before: TaskState;
  command: Command;
  judgement: ReturnType<typeof judged>;
  world: World;
}

/** Lets everything be tried in turn; `watch` sees each step with the world after it. */
function live(tried: Move[], watch: (step: Step) => void): void {
  let world = emptyWorld();
  for (const move of tried) {
    const before = world.state;
    const command = commandOf(move, world);
    const judgement = judged(command, before, world.context);
    world = {
      ...world,
      next: world.next + 1 + (move.pick % 3),
      context: { now: world.context.now + 1000, random: (move.pick % 100) / 100 },
    };
    if (isEvent(judgement)) world = appended(world, command, judgement);
    watch({ before, command, judgement, world });
  }
}

function appended(world: World, command: Command, event: TaskEvent): World {
  const { state, next } = world;
  const fact = frozen(factOf(event, next, state.phase === 'none' ? 0 : state.sequence));
  const tickets = new Map(world.tickets);
  if (isLane(event.kind)) tickets.set(next, next);
  if (command.type === 'claim' && command.after !== undefined) tickets.set(command.ticket, command.after);
  const facts = [...world.facts, fact];
  return { ...world, facts, tickets, state: frozen(evolve(state, fact)), next: next + 1 };
}

/** Whoever changes a state or a fact instead of making a new one is found out. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

const always = (watch: (step: Step) => void): void => {
  fc.assert(
    fc.property(moves, (tried) => live(tried, watch)),
    { numRuns: 1000 },
  );
};

const phaseAfter = (kind: Kind): TaskState['phase'] => {
  if (isLane(kind) || kind === 'yielded') return 'ready';
  if (kind === 'started' || kind === 'progress' || kind === 'checkpoint' || kind === 'step') return 'running';
  return kind;
};

const attemptsOf = (state: TaskState) =>
  'attempts' in state ? state.attempts : { begun: 0, failed: 0, lost: 0 };

describe('whatever is tried with a task', () => {
  it('each accepted event leads to the phase that its kind promises', () => {
    always(({ judgement, world }) => {
      if (isEvent(judgement)) expectSame(world.state.phase, phaseAfter(judgement.kind));
    });
  });

  it('success is left by nothing but a clean-up, failure by retry or resume too, a cancel by what undoes it', () => {
    always(({ before, command, judgement }) => {
      if (!hasEnded(before) || !isEvent(judgement)) return;
      expect(`${before.phase} ${command.type}`).toMatch(
        /^(failed (retry|resume)|cancelled restore|(succeeded|failed|cancelled) clean)$/,
      );
    });
  });

  it('attempts are numbered one after the other, and only a start begins one', () => {
    always(({ before, judgement, world }) => {
      const starts = isEvent(judgement) && judgement.kind === 'started';
      expectSame(attemptsOf(world.state).begun, attemptsOf(before).begun + (starts ? 1 : 0));
    });
  });

  it('no attempt starts for a task that was lost too often or failed too often', () => {
    always(({ world: { state } }) => {
      if (state.phase !== 'running') return;
      expect(state.run.lost).toBeLessThan(MAX_LOST);
      expect(state.run.failed).toBeLessThanOrEqual(state.spec.retry.max_retries);
      expect(state.attempts).toEqual({
        begun: state.run.attempt,
        failed: state.run.failed,
        lost: state.run.lost,
      });
    });
  });

  it('a token that was overtaken never writes again', () => {
    always(({ world: { facts, state, context } }) => {
      const current = state.phase === 'running' ? state.run.token : undefined;
      const overtaken = facts.filter(({ kind, sequence }) => kind === 'started' && sequence !== current);
      for (const { sequence: token } of overtaken) {
        for (const command of writesOf(token))
          expectSame(judged(command, state, context), 'task/attempt-overtaken');
      }
    });
  });

  it('a ticket that is void claims nothing, ever again', () => {
    always(({ world: { tickets, state, context } }) => {
      for (const [ticket, after] of tickets) {
        const valid =
          (state.phase === 'ready' && state.ticket === ticket) ||
          (state.phase === 'scheduled' && state.sequence === after);
        const claim: Command = { type: 'claim', worker: 'w', ticket, after };
        if (!valid) expectSame(judged(claim, state, context), 'task/not-claimable');
      }
    });
  });

  it('the state names the last fact, and a checkpoint and an input that exist', () => {
    always(({ world: { facts, state } }) => {
      if (state.phase === 'none') return;
      expectSame(state.sequence, facts.at(-1)?.sequence);
      if (state.phase === 'cleaned') return;
      const input = facts.find(({ sequence }) => sequence === state.input);
      expectSame((input?.data as TaskCard).parameters, state.parameters);
      if (state.checkpoint > 0)
        expect(facts.find(({ sequence }) => sequence === state.checkpoint)?.kind).toBe('checkpoint');
      if (state.step > 0) {
        expect(facts.find(({ sequence }) => sequence === state.step)?.kind).toBe('step');
        expect(state.step).toBeGreaterThan(state.checkpoint);
      }
    });
  });

  it('what was cleaned up keeps its end, and leans on nothing before it', () => {
    always(({ before, command, judgement, world: { facts, state } }) => {
      if (command.type !== 'clean' || !isEvent(judgement) || before.phase === 'none') return;
      expect(statusOf(state as ExistingTask)).toBe(statusOf(before));
      expect(state).not.toHaveProperty('parameters');
      expect(evolve(NO_TASK, facts.at(-1)!)).toEqual(state);
    });
  });

  it('a wait that was carried leans on nothing before it but its checkpoint', () => {
    always(({ command, judgement, world: { facts, state } }) => {
      if (command.type !== 'carry' || !isEvent(judgement)) return;
      expect(evolve(NO_TASK, facts.at(-1)!)).toEqual(state);
    });
  });
});

const writesOf = (token: number): Command[] => [
  { type: 'report-progress', token, progress: {} },
  { type: 'save-checkpoint', token, state: 0 },
  { type: 'record-step', token, step: { name: 'probe', type: 'step', order: 1 } },
  { type: 'suspend', token, waiting_for: 'signal:0', duration_ms: 0 },
  { type: 'yield', token, reason: 'drain' },
  { type: 'succeed', token, result: 0, duration_ms: 0 },
  { type: 'fail', token, error: { name: 'E', message: '' }, retryable: true, duration_ms: 0 },
  { type: 'pause', reason: 'asked', token },
  { type: 'cancel', token },
];

describe('a reader', () => {
  it('needs only the last fact of each kind: they fold to the state of the whole history', () => {
    always(({ world: { facts, state } }) => {
      const lastOf = new Map(facts.map((fact) => [fact.kind, fact]));
      const lasts = facts.filter((fact) => lastOf.get(fact.kind) === fact);
      expectSame(withInput(fold(lasts, NO_TASK), state), state);
    });
  });

  it('that has not read long parameters decides the same, but for a carry', () => {
    always(({ before, command, world: { context } }) => {
      if (command.type === 'carry' || !('parameters' in before)) return;
      const { parameters, ...unread } = before;
      if (JSON.stringify(parameters).length > INLINE_PARAMETERS_BYTES)
        expectSame(judged(command, unread, context), judged(command, before, context));
    });
  });

  it('claims and takes over by the ticket and the last fact alone', () => {
    always(({ world: { facts, state, tickets, context } }) => {
      const last = facts.at(-1);
      if (!last) return;
      for (const [ticket, after] of tickets) {
        const own = facts.filter((fact) => fact.sequence === after && fact !== last);
        const short = fold([...own, last], NO_TASK);
        for (const command of attemptsBy(ticket, after, last.sequence))
          expectSame(judged(command, short, context), judged(command, state, context));
      }
    });
  });
});

const attemptsBy = (ticket: number, after: number, seen: number): Command[] => [
  { type: 'claim', worker: 'w', ticket },
  { type: 'claim', worker: 'w', ticket, after },
  { type: 'take-over', worker: 'w', ticket, seen },
];

/** Long parameters, which the last facts only name, are read by their sequence. */
function withInput(read: TaskState, state: TaskState): TaskState {
  if (read.phase === 'none' || state.phase === 'none' || read.parameters !== undefined) return read;
  if (state.phase === 'cleaned') return read;
  expect(JSON.stringify(state.parameters).length).toBeGreaterThan(INLINE_PARAMETERS_BYTES);
  return state.parameters === undefined ? read : { ...read, parameters: state.parameters };
}

describe('the trials themselves', () => {
  it('reach every kind, every refusal that a known task has, and long lives', () => {
    const kinds = new Set<string>();
    const codes = new Set<unknown>();
    let longest = 0;
    fc.assert(
      fc.property(moves, (tried) =>
        live(tried, ({ judgement, world }) => {
          if (isEvent(judgement)) kinds.add(isLane(judgement.kind) ? 'ready' : judgement.kind);
          else codes.add(judgement);
          longest = Math.max(longest, world.facts.length);
        }),
      ),
      { numRuns: 1000, seed: 1 },
    );
    expect([...kinds].sort()).toEqual(
      'cancelled checkpoint cleaned failed held paused progress ready scheduled started step succeeded yielded'.split(
        ' ',
      ),
    );
    expect(codes.size).toBeGreaterThan(8);
    expect(longest).toBeGreaterThan(20);
  });
});
