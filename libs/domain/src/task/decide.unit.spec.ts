import { describe, expect, it } from '@jest/globals';
import type { Command } from './commands.js';
import { decide } from './decide.js';
import { INLINE_PARAMETERS_BYTES, MAX_LOST } from './facts.js';
import type { TaskCard, TaskEvent, TaskSpec } from './facts.js';
import { statusOf } from './state.js';
import type { KnownTask } from './state.js';
import { CARD, NOW, TASK, after, given, later, stateAfter } from './task.specification.js';

const error = { name: 'Error', message: 'no disk' };
const submit: Command = { type: 'submit', spec: TASK, parameters: { film: 'a.mov' } };
const submitWith = (spec: Partial<TaskSpec>): Command => ({ ...submit, spec: { ...TASK, ...spec } });
const claim = (ticket: number, worker = 'w1'): Command => ({ type: 'claim', worker, ticket });
const claimDue = (wait: number, ticket: number): Command => ({ ...claim(ticket), after: wait }) as Command;
const takeOver = (seen: number, worker: string): Command => ({ type: 'take-over', worker, ticket: 1, seen });
const fail = (token: number): Command => ({ type: 'fail', token, error, retryable: true, duration_ms: 5 });
const checkpoint = (token: number): Command => ({ type: 'save-checkpoint', token, state: { frame: 7 } });
const PROBE = { name: 'probe', type: 'step', order: 1 } as const;
const step = (token: number): Command => ({ type: 'record-step', token, step: PROBE });
const giveBack = (token: number): Command => ({ type: 'yield', token, reason: 'drain' });
const succeed = (token: number): Command => ({ type: 'succeed', token, result: 42, duration_ms: 5 });
const pause: Command = { type: 'pause', reason: 'asked' };

const known = (events: TaskEvent[]): KnownTask => {
  const state = stateAfter(events);
  if (state.phase === 'none') throw new Error('no task');
  return state;
};
const decided = (command: Command, events: TaskEvent[]) => decide(command, stateAfter(events), NOW);
const cardIn = (event: TaskEvent | undefined): TaskCard => event?.data as TaskCard;

describe('a task that is submitted', () => {
  it('is ready in the lane of its priority, with everything an attempt needs', () => {
    given([])
      .when(submitWith({ priority: 10 }))
      .then({ kind: 'p10', data: { ...CARD, task: { ...TASK, priority: 10 }, reason: 'submitted' } });
  });

  it('waits first when it is not to start before a time', () => {
    const until = '2026-01-01T01:00:00.000Z';
    given([])
      .when({ ...submit, not_before: until })
      .then({ kind: 'scheduled', data: { ...CARD, until, lane: 'p5', reason: 'delay' } });
  });

  it('is not submitted twice', () => {
    given(after(submit)).when(submit).thenRefused('task/already-exists');
  });
});

describe('a ready task', () => {
  it('is claimed by its ticket', () => {
    given(after(submit))
      .when(claim(1))
      .then({ kind: 'started', data: { attempt: 1, worker: 'w1', ticket: 1, failed: 0, lost: 0 } });
  });

  it('is not claimed by a ticket that a reorder made void', () => {
    const moved = after(submit, { type: 'move-to-front' });
    given(moved).when(claim(1)).thenRefused('task/not-claimable');
    given(moved)
      .when(claim(2))
      .then({ kind: 'started', data: { attempt: 1, worker: 'w1', ticket: 2, failed: 0, lost: 0 } });
  });

  it('moves to the lane of another priority, and stays where it is for the same', () => {
    given(after(submit))
      .when({ type: 'change-priority', priority: 9 })
      .then({ kind: 'p9', data: { ...CARD, task: { ...TASK, priority: 9 }, reason: 'reprioritised' } });
    given(after(submit)).when({ type: 'change-priority', priority: 5 }).thenNothing();
  });

  it('leaves the front for the lane of its own priority', () => {
    given(after(submit, { type: 'move-to-front' }))
      .when({ type: 'change-priority', priority: 5 })
      .then({ kind: 'p5', data: { ...CARD, reason: 'reprioritised' } });
  });

  it('gets a new ticket in its lane when the old one is gone', () => {
    given(after(submit, { type: 'move-to-front' }))
      .when({ type: 'repair-ticket', seen: 2 })
      .then({ kind: 'front', data: { ...CARD, reason: 'repaired' } });
  });
});

describe('a task that waits for a time', () => {
  const delayed: Command = { ...submit, not_before: '2026-01-01T01:00:00.000Z' };

  it('is claimed by the fired timer that names its wait, with the ticket of the timer', () => {
    given(after(delayed))
      .when(claimDue(1, 99))
      .then({ kind: 'started', data: { attempt: 1, worker: 'w1', ticket: 99, failed: 0, lost: 0 } });
  });

  it('is not claimed by the timer of an earlier wait, or by a ticket that names none', () => {
    const carried = after(delayed, { type: 'carry' });
    given(carried).when(claimDue(1, 99)).thenRefused('task/not-claimable');
    given(carried).when(claim(2)).thenRefused('task/not-claimable');
  });

  it('is claimed once when its timer fires twice', () => {
    given(after(delayed, claimDue(1, 99)))
      .when(claimDue(1, 100))
      .thenRefused('task/not-claimable');
  });

  it('stays with the ticket of the timer after a hand-over', () => {
    const yielded = after(delayed, claimDue(1, 99), giveBack(2));
    given(yielded).when(claimDue(1, 100)).thenRefused('task/not-claimable');
    given(yielded)
      .when(claimDue(1, 99))
      .then({ kind: 'started', data: { attempt: 2, worker: 'w1', ticket: 99, failed: 0, lost: 0 } });
  });

  it('becomes ready at once when its timer is gone', () => {
    given(after(delayed))
      .when({ type: 'repair-ticket', seen: 1 })
      .then({ kind: 'p5', data: { ...CARD, reason: 'repaired' } });
  });
});

describe('a running task', () => {
  const running = after(submit, claim(1));
  const run = { attempt: 1, worker: 'w1', ticket: 1, token: 2, failed: 0, lost: 0 };

  it('reports progress, checkpoints and steps, each naming the attempt', () => {
    const progress = { percent: 5, message: 'frames' };
    given(running)
      .when({ type: 'report-progress', token: 2, progress })
      .then({ kind: 'progress', data: { run, progress } });
    given(running)
      .when({ type: 'save-checkpoint', token: 2, state: { frame: 7 }, steps: { probe: 3 } })
      .then({ kind: 'checkpoint', data: { run, state: { frame: 7 }, steps: { probe: 3 } } });
    given(running)
      .when({ type: 'record-step', token: 2, step: { ...PROBE, result: null } })
      .then({ kind: 'step', data: { run, ...PROBE, result: null } });
  });

  it('ends with its result', () => {
    given(running)
      .when(succeed(2))
      .then({ kind: 'succeeded', data: { attempt: 1, worker: 'w1', result: 42, duration_ms: 5 } });
  });

  it('is cancelled, and told in which state it was', () => {
    given(running)
      .when({ type: 'cancel', message: 'not needed' })
      .then({ kind: 'cancelled', data: { reason: 'cancelled', previous: 'STARTED', message: 'not needed' } });
    given(after(submit, claim(1), step(2)))
      .when({ type: 'cancel' })
      .then({ kind: 'cancelled', data: { reason: 'cancelled', previous: 'PROCESSING' } });
  });

  it('is paused with its checkpoint, and runs on from it', () => {
    const attempts = { begun: 1, failed: 0, lost: 0 };
    const card = { ...CARD, attempts, checkpoint: 3 };
    const events = after(submit, claim(1), checkpoint(2));
    given(events)
      .when({ ...pause, duration_ms: 8 })
      .then({ kind: 'paused', data: { ...card, reason: 'asked', attempt: 1, duration_ms: 8 } });
    const resumed = after(submit, claim(1), checkpoint(2), pause, { type: 'resume' });
    given(resumed)
      .when(claim(5))
      .then({
        kind: 'started',
        data: { attempt: 2, worker: 'w1', ticket: 5, failed: 0, lost: 0, checkpoint: 3 },
      });
  });

  it('shows PROCESSING from the first report of each attempt on', () => {
    const status = (events: TaskEvent[]) => statusOf(known(events) as never);
    const reported = after(submit, claim(1), checkpoint(2));
    expect(status(running)).toBe('STARTED');
    expect(status(reported)).toBe('PROCESSING');
    expect(status(after(submit, claim(1), checkpoint(2), takeOver(3, 'w2')))).toBe('STARTED');
  });

  it('stays in the lane of its ticket, where a redelivery would come from', () => {
    const front: Command[] = [submit, { type: 'move-to-front' }, claim(2)];
    expect(known(after(...front))).toMatchObject({ phase: 'running', lane: 'front' });
    expect(known(after(...front, giveBack(3)))).toMatchObject({ phase: 'ready', lane: 'front', ticket: 2 });
    expect(decided({ type: 'repair-ticket', seen: 3 }, after(...front))?.kind).toBe('front');
  });
});

describe('a failed attempt', () => {
  const retry = { ...TASK.retry, max_retries: 2, jitter: false };
  const failing = submitWith({ retry });
  const waitOf = (events: TaskEvent[], command: Command, random = 0): number => {
    const event = decide(command, stateAfter(events), { ...NOW, random });
    return event?.kind === 'scheduled' ? (Date.parse(event.data.until) - NOW.now) / 1000 : NaN;
  };

  it('is tried again after a wait, which carries the task and the error', () => {
    given(after(failing, claim(1)))
      .when(fail(2))
      .then({
        kind: 'scheduled',
        data: {
          ...CARD,
          task: { ...TASK, retry },
          attempts: { begun: 1, failed: 1, lost: 0 },
          until: '2026-01-01T00:01:00.000Z',
          lane: 'p5',
          reason: 'retry',
          attempt: 1,
          error,
          duration_ms: 5,
        },
      });
  });

  it('waits longer each time', () => {
    expect(waitOf(after(failing, claim(1)), fail(2))).toBe(60);
    expect(waitOf(after(failing, claim(1), fail(2), claimDue(3, 99)), fail(4))).toBe(120);
  });

  it('spreads the wait over its upper half with jitter', () => {
    expect(waitOf(after(submit, claim(1)), fail(2), 0)).toBe(30);
    expect(waitOf(after(submit, claim(1)), fail(2), 0.5)).toBe(45);
  });

  it('waits as long as the handler says, if it does', () => {
    expect(waitOf(after(submit, claim(1)), { ...fail(2), delay_ms: 7000 } as Command)).toBe(7);
  });

  it('is the last one when the retries are spent', () => {
    given(after(failing, claim(1), fail(2), claimDue(3, 99), fail(4), claimDue(5, 98)))
      .when(fail(6))
      .then({
        kind: 'failed',
        data: {
          attempt: 3,
          attempts: { begun: 3, failed: 3, lost: 0 },
          error,
          reason: 'retries_spent',
          worker: 'w1',
          duration_ms: 5,
        },
      });
  });

  it('is the last one when its error is not retryable', () => {
    expect(decided({ ...fail(2), retryable: false } as Command, after(submit, claim(1)))).toMatchObject({
      kind: 'failed',
      data: { reason: 'not_retryable', attempts: { begun: 1, failed: 1, lost: 0 } },
    });
  });
});

describe('a failed task', () => {
  const dead = [submit, claim(1), checkpoint(2), { ...fail(2), retryable: false }] as Command[];

  it('counts its attempts anew when it is redriven, while their numbers go on', () => {
    const card = { ...CARD, attempts: { begun: 1, failed: 0, lost: 0 }, checkpoint: 3 };
    given(after(...dead))
      .when({ type: 'retry' })
      .then({ kind: 'p5', data: { ...card, reason: 'redriven' } });
    given(after(...dead))
      .when({ type: 'resume' })
      .then({ kind: 'p5', data: { ...card, reason: 'resumed' } });
    given(after(...dead, { type: 'retry' }))
      .when(claim(5))
      .then({
        kind: 'started',
        data: { attempt: 2, worker: 'w1', ticket: 5, failed: 0, lost: 0, checkpoint: 3 },
      });
  });

  it('drops its checkpoint when it is redriven from the start', () => {
    const restarted = after(...dead, { type: 'retry', from_start: true });
    expect(cardIn(restarted[4])).not.toHaveProperty('checkpoint');
    given(restarted)
      .when(claim(5))
      .then({ kind: 'started', data: { attempt: 2, worker: 'w1', ticket: 5, failed: 0, lost: 0 } });
  });

  it('keeps the counts it failed with', () => {
    expect(known(after(...dead)).attempts).toEqual({ begun: 1, failed: 1, lost: 0 });
  });

  it('is not claimed by its old ticket', () => {
    given(after(...dead))
      .when(claim(1))
      .thenRefused('task/not-claimable');
  });
});

describe('an attempt that is lost with its worker', () => {
  const running: Command[] = [submit, claim(1)];
  const lostOnce: Command[] = [...running, takeOver(2, 'w2')];
  const lostTwice: Command[] = [...lostOnce, takeOver(3, 'w3')];

  it('is taken over by a new attempt of the same ticket', () => {
    given(after(...running))
      .when(takeOver(2, 'w2'))
      .then({ kind: 'started', data: { attempt: 2, worker: 'w2', ticket: 1, failed: 0, lost: 1 } });
  });

  it('is not taken over by another ticket', () => {
    given(after(...running))
      .when({ type: 'take-over', worker: 'w2', ticket: 9, seen: 2 })
      .thenRefused('task/not-claimable');
  });

  it('is not taken over twice by two workers that asked at the same time', () => {
    given(after(...lostOnce))
      .when(takeOver(2, 'w3'))
      .thenRefused('task/not-claimable');
  });

  it('is not taken over once it has written again: its worker lives', () => {
    given(after(...running, step(2)))
      .when(takeOver(2, 'w2'))
      .thenRefused('task/not-claimable');
  });

  it('is not taken over from a worker by itself', () => {
    given(after(...running))
      .when(takeOver(2, 'w1'))
      .thenRefused('task/not-claimable');
  });

  it('is not taken over after it gave the task back or was paused: that is claimed, or dropped', () => {
    given(after(...running, giveBack(2)))
      .when(takeOver(3, 'w2'))
      .thenRefused('task/not-claimable');
    given(after(...running, pause))
      .when(takeOver(3, 'w2'))
      .thenRefused('task/not-claimable');
  });

  it(`ends the task as poison when ${MAX_LOST} in a row are lost`, () => {
    const event: TaskEvent = {
      kind: 'failed',
      data: {
        attempt: 3,
        attempts: { begun: 3, failed: 0, lost: MAX_LOST },
        error: {
          name: 'WorkerLost',
          message: '3 attempts in a row were lost with their worker; the last one ran on w3.',
        },
        reason: 'worker_lost',
        worker: 'w3',
      },
    };
    given(after(...lostTwice))
      .when(takeOver(4, 'w4'))
      .then(event);
    given(after(...lostTwice))
      .when({ type: 'repair-ticket', seen: 4 })
      .then(event);
  });

  it.each([
    ['a checkpoint', checkpoint(4)],
    ['a step', step(4)],
  ])('is the first one again after %s', (_, sign) => {
    given(after(...lostTwice, sign))
      .when(takeOver(5, 'w4'))
      .then({
        kind: 'started',
        data: {
          attempt: 4,
          worker: 'w4',
          ticket: 1,
          failed: 0,
          lost: 1,
          ...(sign.type === 'save-checkpoint' ? { checkpoint: 5 } : { step: 5 }),
        },
      });
  });

  it('is the first one again after a hand-over', () => {
    given(after(...lostTwice, giveBack(4)))
      .when(claim(1, 'w4'))
      .then({ kind: 'started', data: { attempt: 4, worker: 'w4', ticket: 1, failed: 0, lost: 0 } });
  });

  it('still counts after progress alone, which proves nothing', () => {
    const reported = after(...lostTwice, { type: 'report-progress', token: 4, progress: {} });
    expect(decided(takeOver(5, 'w4'), reported)?.kind).toBe('failed');
  });

  it('is the last one when it was lost alone in a process of its own, and keeps the evidence', () => {
    given(after(...lostTwice))
      .when({ ...fail(4), lost: true } as Command)
      .then({
        kind: 'failed',
        data: {
          attempt: 3,
          attempts: { begun: 3, failed: 0, lost: 3 },
          error,
          reason: 'worker_lost',
          worker: 'w3',
          duration_ms: 5,
        },
      });
  });

  it('gets a new ticket when its own is gone too, and is counted', () => {
    given(after(...running))
      .when({ type: 'repair-ticket', seen: 2 })
      .then({
        kind: 'p5',
        data: { ...CARD, attempts: { begun: 1, failed: 0, lost: 1 }, reason: 'repaired' },
      });
  });

  it('gets no new ticket when something happened since the sweeper looked', () => {
    given(after(...lostOnce))
      .when({ type: 'repair-ticket', seen: 2 })
      .thenRefused('task/not-waiting');
    given(after(...running))
      .when({ type: 'repair-ticket', seen: 1 })
      .thenRefused('task/not-waiting');
  });
});

describe('a zombie, whose task another attempt took over', () => {
  const takenOver = after(submit, claim(1), checkpoint(2), takeOver(3, 'w2'));
  const writes: Command[] = [
    { type: 'report-progress', token: 2, progress: {} },
    checkpoint(2),
    step(2),
    giveBack(2),
    succeed(2),
    fail(2),
    { ...pause, token: 2 },
    { type: 'cancel', token: 2 },
  ];

  it.each(writes.map((write) => [write.type, write] as const))('is refused to %s', (_, write) => {
    given(takenOver).when(write).thenRefused('task/attempt-overtaken');
  });

  it('is refused after the end, too', () => {
    given(after(submit, claim(1), { type: 'cancel' }))
      .when(succeed(2))
      .thenRefused('task/attempt-overtaken');
  });

  it('leaves the attempt that overtook it alone', () => {
    expect(decided({ ...pause, token: 4 }, takenOver)?.kind).toBe('paused');
    expect(decided(succeed(4), takenOver)?.kind).toBe('succeeded');
  });
});

describe('a task that was given back', () => {
  it('is claimed by the ticket it had, and no other', () => {
    const yielded = after(submit, claim(1), giveBack(2));
    given(yielded)
      .when(claim(1, 'w2'))
      .then({ kind: 'started', data: { attempt: 2, worker: 'w2', ticket: 1, failed: 0, lost: 0 } });
    given(yielded).when(claim(3)).thenRefused('task/not-claimable');
  });
});

describe('a task that expires', () => {
  const perishable = submitWith({ expires_at: new Date(NOW.now + 10_000).toISOString() });
  const expired = (previous: string): TaskEvent => ({
    kind: 'cancelled',
    data: { reason: 'expired', previous },
  });

  it('is revoked instead of started when its time has passed', () => {
    given(after(perishable)).when(claim(1), later(10)).then(expired('PENDING'));
    expect(decide(claim(1), stateAfter(after(perishable)), later(9.999))?.kind).toBe('started');
  });

  it('is revoked while it waits, and not before its time', () => {
    given(after(perishable)).when({ type: 'expire' }, later(10)).then(expired('PENDING'));
    given(after(perishable)).when({ type: 'expire' }, later(9.999)).thenNothing();
    given(after(submit)).when({ type: 'expire' }, later(1e6)).thenNothing();
  });

  it('finishes once it has started: a drain, a retry or a redrive does not end it', () => {
    const running = [perishable, claim(1)];
    given(after(...running))
      .when({ type: 'expire' }, later(60))
      .thenNothing();
    const claims = (events: TaskEvent[], command: Command) =>
      decide(command, stateAfter(events), later(60))?.kind;
    expect(claims(after(...running, giveBack(2)), claim(1))).toBe('started');
    expect(claims(after(...running, fail(2)), claimDue(3, 99))).toBe('started');
    const dead = { ...fail(2), retryable: false } as Command;
    expect(claims(after(...running, dead, { type: 'retry' }), claim(4))).toBe('started');
  });
});

describe('long parameters', () => {
  const long = (text: string) => ({ ...submit, parameters: text }) as Command;
  const tooLong = long('x'.repeat(INLINE_PARAMETERS_BYTES - 1));

  it('stand in the first fact, and later ones name it', () => {
    const events = after(
      tooLong,
      claim(1),
      fail(2),
      claimDue(3, 99),
      { ...fail(4), retryable: false } as Command,
      {
        type: 'retry',
      },
    );
    expect(cardIn(events[0])).not.toHaveProperty('input');
    for (const later of [events[2], events[5]]) {
      expect(cardIn(later)).toMatchObject({ input: 1 });
      expect(cardIn(later)).not.toHaveProperty('parameters');
    }
    expect(known(events).input).toBe(1);
  });

  it('begin where the JSON has more than 8 KiB in UTF-8', () => {
    const kept = (text: string) =>
      cardIn(after(long(text), { type: 'move-to-front' })[1]).input === undefined;
    expect(kept('x'.repeat(INLINE_PARAMETERS_BYTES - 2))).toBe(true);
    expect(kept('x'.repeat(INLINE_PARAMETERS_BYTES - 1))).toBe(false);
    expect(kept('語'.repeat(2730))).toBe(true);
    expect(kept('語'.repeat(2731))).toBe(false);
    expect(kept('é'.repeat(4095))).toBe(true);
    expect(kept('é'.repeat(4096))).toBe(false);
    expect(kept('🎞'.repeat(2047))).toBe(true);
    expect(kept('🎞'.repeat(2048))).toBe(false);
  });

  it('are named still by a reader that has not read them', () => {
    const [, moved] = after(tooLong, { type: 'move-to-front' });
    expect(cardIn(decided({ type: 'move-to-front' }, [moved!]))).toMatchObject({ input: 1 });
  });

  it('are whole in a wait that is carried, which later facts name', () => {
    const events = after(tooLong, pause, { type: 'carry' }, { type: 'resume' });
    expect(cardIn(events[1])).toMatchObject({ input: 1 });
    expect(cardIn(events[2])).toMatchObject({ parameters: expect.any(String), carried: 2 });
    expect(cardIn(events[2])).not.toHaveProperty('input');
    expect(cardIn(events[3])).toMatchObject({ input: 3 });
  });

  it('must be read before the wait is carried', () => {
    const [, paused] = after(tooLong, pause);
    given([paused!]).when({ type: 'carry' }).thenRefused('task/input-unread');
  });
});

describe('a wait that is carried', () => {
  const whole = (commands: Command[]) => {
    const events = after(...commands);
    return [known(events), known([...events, decided({ type: 'carry' }, events)!])] as const;
  };

  it.each([
    ['delayed', [{ ...submit, not_before: '2026-01-01T01:00:00.000Z' }]],
    ['retrying', [submit, claim(1), checkpoint(2), fail(2)]],
    ['paused', [submit, claim(1), checkpoint(2), pause]],
  ] as [string, Command[]][])('is the same %s task, and says which fact it replaces', (_, commands) => {
    const [before, carried] = whole(commands);
    const { sequence } = before;
    expect(carried).toEqual({
      ...before,
      sequence: sequence + 1,
      input: sequence + 1,
      updated_at: carried.updated_at,
    });
    expect(decided({ type: 'carry' }, after(...commands))?.data).toMatchObject({ carried: sequence });
  });

  it('holds on to what a held task waits for', () => {
    given([{ kind: 'held', data: { ...CARD, waiting_for: 'slot' } }])
      .when({ type: 'carry' })
      .then({ kind: 'held', data: { ...CARD, waiting_for: 'slot', lane: 'p5', rank: 1, carried: 1 } });
  });
});

describe('a run with steps', () => {
  const cardAfter = (...commands: Command[]): TaskCard => cardIn(after(submit, claim(1), ...commands).at(-1));

  it('names its last step wherever an attempt may start', () => {
    expect(cardAfter(step(2), fail(2))).toMatchObject({ step: 3 });
    expect(cardAfter(step(2), pause)).toMatchObject({ step: 3 });
    expect(known(after(submit, claim(1), step(2), giveBack(2), claim(1))).step).toBe(3);
    expect(known(after(submit, claim(1), step(2), takeOver(3, 'w2'))).step).toBe(3);
  });

  it('leaves its steps to the checkpoint that comes after them', () => {
    const state = known(after(submit, claim(1), step(2), checkpoint(2)));
    expect([state.checkpoint, state.step]).toEqual([4, 0]);
    expect(cardAfter(step(2), checkpoint(2), step(2), fail(2))).toMatchObject({ checkpoint: 4, step: 5 });
  });

  it('keeps them when it is redriven, and drops them from the start', () => {
    const dead: Command[] = [submit, claim(1), step(2), { ...fail(2), retryable: false } as Command];
    expect(cardIn(decided({ type: 'retry' }, after(...dead)))).toMatchObject({ step: 3 });
    const restarted = decided({ type: 'retry', from_start: true }, after(...dead));
    expect(restarted).toMatchObject({ kind: 'p5', data: { reason: 'restarted' } });
    expect(cardIn(restarted)).not.toHaveProperty('step');
  });

  it('begins in the middle as a branch of another run', () => {
    given([])
      .when({ ...submit, from: { checkpoint: 40, step: 44 } })
      .then({ kind: 'p5', data: { ...CARD, checkpoint: 40, step: 44, reason: 'branched' } });
  });
});

describe('a run that waits for something', () => {
  const until = '2026-01-01T01:00:00.000Z';
  const suspend = (by: { until?: string; waiting_for?: string }): Command => ({
    type: 'suspend',
    token: 2,
    duration_ms: 5,
    ...by,
  });
  const attempts = { begun: 1, failed: 0, lost: 0 };
  const ended = { attempt: 1, duration_ms: 5 };

  it('sleeps until its time', () => {
    given(after(submit, claim(1)))
      .when(suspend({ until }))
      .then({
        kind: 'scheduled',
        data: { ...CARD, attempts, until, lane: 'p5', reason: 'sleep', ...ended },
      });
  });

  it('is held for a signal, and released by it alone', () => {
    const held = after(submit, claim(1), suspend({ waiting_for: 'signal:go' }));
    expect(held[2]).toEqual({
      kind: 'held',
      data: { ...CARD, attempts, waiting_for: 'signal:go', ...ended },
    });
    given(held)
      .when({ type: 'release', waiting_for: 'signal:go' })
      .then({ kind: 'p5', data: { ...CARD, attempts, reason: 'released' } });
    given(held).when({ type: 'release', waiting_for: 'signal:stop' }).thenNothing();
  });

  it('waits for a signal no longer than its time', () => {
    const waiting = after(submit, claim(1), suspend({ until, waiting_for: 'signal:go' }));
    expect(waiting[2]).toMatchObject({
      kind: 'scheduled',
      data: { until, reason: 'signal', waiting_for: 'signal:go' },
    });
    given(waiting)
      .when({ type: 'release', waiting_for: 'signal:go' })
      .then({ kind: 'p5', data: { ...CARD, attempts, reason: 'released' } });
    expect(cardIn(decided({ type: 'carry' }, waiting))).toMatchObject({ waiting_for: 'signal:go' });
  });

  it('is not charged for it: losses in a row end with it', () => {
    const lost = after(submit, claim(1), takeOver(2, 'w2'), { ...suspend({ until }), token: 3 } as Command);
    expect(cardIn(lost[3]).attempts).toEqual({ begun: 2, failed: 0, lost: 0 });
  });
});

describe('a delayed task that is paused', () => {
  const until = '2026-01-01T01:00:00.000Z';
  const paused = after({ ...submit, not_before: until }, pause);

  it('waits on when it is resumed before its time', () => {
    given(paused)
      .when({ type: 'resume' })
      .then({ kind: 'scheduled', data: { ...CARD, until, lane: 'p5', reason: 'delay' } });
  });

  it('is ready when it is resumed after it', () => {
    given(paused)
      .when({ type: 'resume' }, later(3601))
      .then({ kind: 'p5', data: { ...CARD, reason: 'resumed' } });
  });

  it('keeps its time when it is carried', () => {
    expect(decided({ type: 'carry' }, paused)).toMatchObject({ kind: 'paused', data: { until } });
  });
});

describe('a failed attempt', () => {
  const policy = {
    ...TASK.retry,
    by_error: { TimeoutError: { max_retries: 9, delay_seconds: 1 }, BadInput: { max_retries: 0 } },
  };
  const running = after(submitWith({ retry: policy }), claim(1));
  const failWith = (name: string): Command => ({ ...fail(2), error: { name, message: '' } }) as Command;

  it('is tried again as the policy for its class of error says', () => {
    expect(decided(failWith('TimeoutError'), running)).toMatchObject({
      kind: 'scheduled',
      data: { until: '2026-01-01T00:00:00.750Z' },
    });
    expect(decided(failWith('BadInput'), running)).toMatchObject({
      kind: 'failed',
      data: { reason: 'retries_spent' },
    });
    expect(decided(failWith('toString'), running)).toMatchObject({ kind: 'scheduled' });
  });

  it('that names its time itself is not counted', () => {
    const spent = after(submitWith({ retry: { ...TASK.retry, max_retries: 0 } }), claim(1));
    expect(decided({ ...fail(2), delay_ms: 1000 } as Command, spent)).toMatchObject({
      kind: 'scheduled',
      data: {
        until: '2026-01-01T00:00:01.000Z',
        attempts: { begun: 1, failed: 0, lost: 0 },
        reason: 'retry',
      },
    });
  });
});

describe('a task that was moved', () => {
  const until = new Date(NOW.now + 60_000).toISOString();
  const expires_at = new Date(NOW.now + 120_000).toISOString();
  const spec = { ...TASK, expires_at };
  const waiting = after({ ...submit, not_before: until });
  const delayed = after({ type: 'submit', spec, parameters: null, not_before: until });

  it('gives up its wait for its time', () => {
    given(waiting)
      .when({ type: 'move-to-front' })
      .then({ kind: 'front', data: { ...CARD, reason: 'reordered' } });
  });

  it('rises by one lane as it ages, and not beyond the highest priority', () => {
    given(after(submit))
      .when({ type: 'age' })
      .then({ kind: 'p6', data: { ...CARD, reason: 'aged' } });
    given(after(submitWith({ priority: 10 })))
      .when({ type: 'age' })
      .thenNothing();
  });

  it('ages from when its time has come', () => {
    given(waiting).when({ type: 'age' }).thenRefused('task/not-waiting');
    given(waiting)
      .when({ type: 'age' }, later(60))
      .then({ kind: 'p6', data: { ...CARD, reason: 'aged' } });
  });

  it.each([
    { type: 'move-to-front' },
    { type: 'move-to-back' },
    { type: 'change-priority', priority: 9 },
    { type: 'run-now' },
    { type: 'reschedule', until: new Date(NOW.now + 600_000).toISOString() },
  ] as Command[])('by $type never starts after it has expired', (move) => {
    const events = [...delayed, decided(move, delayed)!];
    const state = stateAfter(events);
    const due = state.phase === 'scheduled' ? { ticket: 9, after: state.sequence } : { ticket: 2 };
    given(events)
      .when({ type: 'claim', worker: 'w1', ...due }, later(120))
      .then({ kind: 'cancelled', data: { reason: 'expired', previous: 'PENDING' } });
  });
});
