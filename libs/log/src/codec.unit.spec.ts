import { describe, expect, it } from '@jest/globals';
import { KINDS, LANES, isLane } from '@millrace/domain';
import type { DataOf, Fact, Kind, Run, TaskCard, TaskEvent } from '@millrace/domain';
import { decodeDue, decodeFact, encodeFact, encodeTimer } from './codec.js';
import { BadBodyError } from './errors.js';
import { CARD } from './testing/tasks.js';
import { lift } from './upcast.js';

const AT = '2026-01-01T00:00:00.000Z';
const error = { name: 'Error', message: 'no disk', stack: 'Error: no disk\n    at write' };
const run: Run = {
  attempt: 2,
  worker: 'w1',
  ticket: 7,
  token: 8,
  failed: 1,
  lost: 0,
  checkpoint: 5,
  step: 6,
};

/** Every optional field is there. */
const fullCard: TaskCard = {
  ...CARD,
  task: {
    ...CARD.task,
    expires_at: '2026-01-02T00:00:00.000Z',
    tags: ['a', 'b'],
    user_id: 'u1',
    correlation_id: 'c1',
    unique_key: 'k1',
    concurrency_key: 'gpu',
    retry: { ...CARD.task.retry, by_error: { TimeoutError: { max_retries: 9 }, BadInput: {} } },
    branched_from: { task_id: 't0', sequence: 4, oldest: 2 },
  },
  parameters: { nested: [1, 'two', null, { three: 3 }], text: 'Größe 🎬 \u0000 "quoted"' },
  checkpoint: 5,
  step: 6,
};
const { parameters: _named, ...restOfCard } = fullCard;

const ready: DataOf['p5'] = { ...fullCard, reason: 'submitted' };

/** For each kind a body with all that it may hold, and one with as little as it must. */
const BODIES: { [K in Kind]: [DataOf[K], DataOf[K]] } = {
  ...(Object.fromEntries(
    LANES.map((lane) => [lane, [ready, { ...CARD, reason: 'resumed' }]]),
  ) as unknown as Record<(typeof LANES)[number], [DataOf['p5'], DataOf['p5']]>),
  scheduled: [
    {
      ...restOfCard,
      input: 1,
      until: '2026-01-01T00:00:00.000Z',
      lane: 'front',
      reason: 'retry',
      waiting_for: 'signal:go',
      attempt: 2,
      error,
      duration_ms: 1.5,
      carried: 3,
      needs: 2,
      token: 1,
    },
    { ...CARD, until: '2026-01-01T00:00:00.000Z', lane: 'p0', reason: 'delay' },
  ],
  held: [
    { ...fullCard, waiting_for: 'limit:gpu', attempt: 2, duration_ms: 5, carried: 3, needs: 2, token: 1 },
    { ...CARD, waiting_for: 'signal' },
  ],
  started: [
    { attempt: 2, worker: 'w1', ticket: 7, failed: 1, lost: 2, checkpoint: 5, step: 6 },
    { attempt: 1, worker: 'w', ticket: 1, failed: 0, lost: 0 },
  ],
  progress: [
    { run, progress: { percent: 99.5, step: 'mux', current: 1, total: 2, message: 'nearly' } },
    { run, progress: {} },
  ],
  checkpoint: [
    { run, state: { frame: 7 }, steps: { probe: 1, 'probe/inner': 2 }, signals: { go: 9 } },
    { run, state: null, steps: {} },
  ],
  step: [
    {
      run,
      name: 'approval',
      type: 'signal',
      order: 2,
      result: [1],
      until: AT,
      signal: 9,
      signal_name: 'go',
      duration_ms: 5,
      before: [4, 3],
    },
    { run, name: 'probe', type: 'step', order: 1 },
  ],
  yielded: [
    { run, reason: 'drain' },
    { run, reason: '' },
  ],
  paused: [
    { ...fullCard, reason: 'asked', until: AT, attempt: 2, duration_ms: 5, carried: 3, needs: 2, token: 1 },
    { ...CARD, reason: 'asked' },
  ],
  succeeded: [
    { attempt: 1, worker: 'w1', result: { url: 'x' }, duration_ms: 5 },
    { attempt: 1, worker: 'w1', result: null, duration_ms: 0 },
  ],
  failed: [
    { attempt: 1, attempts: CARD.attempts, error, reason: 'worker_lost', worker: 'w1', duration_ms: 5 },
    { attempt: 1, attempts: CARD.attempts, error: { name: 'E', message: '' }, reason: 'not_retryable' },
  ],
  cancelled: [
    { reason: 'cancelled', previous: 'PENDING', message: 'no longer wanted' },
    { reason: 'expired', previous: 'RETRY' },
  ],
  cleaned: [
    {
      task: fullCard.task,
      attempts: CARD.attempts,
      status: 'SUCCESS',
      finished_at: AT,
      retention_hours: 0.5,
    },
    { task: CARD.task, attempts: CARD.attempts, status: 'REVOKED', finished_at: AT },
  ],
};

const STAMP = { id: 'p-1', prev: 41, at: '2026-01-01T00:00:00.000Z', actor: 'api:me' };

const factOf = (kind: Kind, data: unknown): Fact =>
  ({ kind, data, queue: 'video', task_id: 't1', sequence: 42, ...STAMP }) as Fact;

const encoded = (kind: Kind, data: unknown): string => encodeFact({ kind, data } as TaskEvent, STAMP);

const decoded = (kind: string, payload: string): Fact | undefined =>
  decodeFact(`tasks.video.${kind}.t1`, 42, payload);

describe('the body of a fact', () => {
  it.each(KINDS)('of the kind %s is read as it was written', (kind) => {
    for (const data of BODIES[kind]) expect(decoded(kind, encoded(kind, data))).toEqual(factOf(kind, data));
  });

  it.each(KINDS)('of the kind %s is refused when something is missing', (kind) => {
    const body = JSON.parse(encoded(kind, BODIES[kind][1])) as Record<string, unknown>;
    for (const name of Object.keys(body)) {
      if (name === 'parameters') continue;
      const rest = Object.fromEntries(Object.entries(body).filter(([key]) => key !== name));
      expect(() => decoded(kind, JSON.stringify(rest))).toThrow(BadBodyError);
    }
  });

  it.each(KINDS.filter((kind) => !isLane(kind)))('of the kind %s does not pass for another', (kind) => {
    const payload = encoded(kind, BODIES[kind][0]);
    for (const other of ['p5', 'succeeded', 'failed'] as const)
      if (other !== kind && kind !== 'failed') expect(() => decoded(other, payload)).toThrow(BadBodyError);
  });

  it.each([
    ['', 'Not a JSON object'],
    ['null', 'Not a JSON object'],
    ['[]', 'The version undefined'],
    ['"text"', 'Not a JSON object'],
    ['{', 'Not a JSON object: {'],
    ['{}', 'The version undefined of a body is unknown here, the newest is 1.'],
    ['{"v":2}', 'The version 2 of a body is unknown here, the newest is 1.'],
    ['{"v":0}', 'The version 0'],
    ['{"v":"1"}', 'The version "1"'],
    ['{"v":1}', 'The succeeded 42:'],
  ])('is not %s', (payload, reason) => {
    expect(() => decoded('succeeded', payload)).toThrow(BadBodyError);
    expect(() => decoded('succeeded', payload)).toThrow(reason);
  });

  it.each([
    ['task.priority', 11],
    ['task.name', 'UPPER'],
    ['task.retry.max_retries', -1],
    ['attempts.begun', 1.5],
    ['reason', 'whim'],
    ['prev', -1],
    ['at', 5],
  ])('is refused with %s = %p', (path, value) => {
    const body = JSON.parse(encoded('p5', ready)) as Record<string, unknown>;
    const names = path.split('.');
    const last = names.pop()!;
    let place = body;
    for (const name of names) place = place[name] as Record<string, unknown>;
    place[last] = value;
    expect(() => decoded('p5', JSON.stringify(body))).toThrow(BadBodyError);
  });

  it('may hold what only later versions know; it is not handed on', () => {
    const body = { ...(JSON.parse(encoded('p5', ready)) as object), invented: true };
    expect(decoded('p5', JSON.stringify(body))).toEqual(factOf('p5', ready));
  });

  it('stands on the subject of a fact and nowhere else', () => {
    const payload = encoded('p5', ready);
    for (const subject of [
      'tasks.video.p5.t1.due',
      'tasks.video.p11.t1',
      'timers.video.t1.5',
      'asks.video.stop.t1',
    ])
      expect(decodeFact(subject, 42, payload)).toBeUndefined();
  });
});

describe('the body of a timer', () => {
  const wait = factOf('scheduled', BODIES.scheduled[0]) as Fact & { kind: 'scheduled' };
  const task = { queue: 'video', task_id: 't1' };

  it('holds the whole wait and its sequence', () => {
    expect(decodeDue(task, 50, encodeTimer(wait))).toEqual({ after: 42, wait });
  });

  it('is refused when it names no wait', () => {
    expect(() => decodeDue(task, 50, encodeFact(wait, wait))).toThrow(
      'The fired timer 50 does not name its wait.',
    );
  });
});

describe('an older body', () => {
  const upcasters = {
    1: (_kind: Kind, body: Record<string, unknown>) => ({ ...body, queue_time: 0 }),
    2: (kind: Kind, { queue_time: waited, ...body }: Record<string, unknown>) => ({ ...body, kind, waited }),
  } as unknown as Parameters<typeof lift>[3];

  it('is lifted version by version to the newest', () => {
    expect(lift('p5', { v: 1, id: 'a' }, 3, upcasters)).toEqual({ v: 3, id: 'a', kind: 'p5', waited: 0 });
    expect(lift('p5', { v: 2, queue_time: 7 }, 3, upcasters)).toEqual({ v: 3, kind: 'p5', waited: 7 });
    expect(lift('p5', { v: 3 }, 3, upcasters)).toEqual({ v: 3 });
  });

  it('is refused when nobody knows its version', () => {
    expect(() => lift('p5', { v: 4 }, 3, upcasters)).toThrow(
      'The version 4 of a body is unknown here, the newest is 3.',
    );
    expect(() => lift('p5', { v: 0 }, 3, upcasters)).toThrow(BadBodyError);
  });
});
