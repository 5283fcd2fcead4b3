import { describe, expect, it } from '@jest/globals';
import { explain } from './explain.js';
import { UNKNOWN, UNSTARTED } from './situation.js';
import type { SlotUse } from './situation.js';
import { at, filmsWith, heldTale, situationOf } from './tale.specification.js';

const USE: SlotUse = {
  queue: { used: 2, isAtMost: false, holders: ['t7', 't8'], opens_at: at(70) },
  key: { used: 1, isAtMost: false, holders: ['t7'], opens_at: at(63) },
};
const ROOM: SlotUse = {
  queue: { used: 2, isAtMost: false, holders: ['t7', 't8'], opens_at: null },
  key: null,
};

describe('a task that is held for a slot', () => {
  it('is told all limits that are reached, and who fills the slots', () => {
    expect(
      explain(
        situationOf(heldTale(), {
          queue: filmsWith({
            concurrency: 2,
            key_concurrency: 1,
            rate_limit: { limit: 10, period_seconds: 60 },
            key_rate_limit: { limit: 1, period_seconds: 5 },
            fair: true,
          }),
          slots: USE,
          ahead: 4,
        }),
      ),
    ).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 for a slot of the queue films.',
        'At most 2 tasks of the queue may run at once (concurrency), and 2 have a slot now: t7 and t8.',
        `At most 10 tasks of the queue may start in 60 seconds (rate_limit); the next one may start at ${at(70)}.`,
        'At most 1 task with the concurrency_key "acme" may run at once (key_concurrency), and 1 has a slot now: t7.',
        `At most 1 task with the concurrency_key "acme" may start in 5 seconds (key_rate_limit); the next one may start at ${at(63)}.`,
        'Tasks of the same priority start key by key in turn (fair): those of other keys that came later may start before it.',
        '4 tasks of its queue wait for a slot before it by their order; how many of them have their turns before it is not known here.',
      ],
      waiting_for: {
        type: 'slot',
        queue: 'films',
        lane: 'p5',
        ahead: 4,
        limits: [
          { limit: 'concurrency', allowed: 2, used: 2, holders: ['t7', 't8'], opens_at: null },
          { used: null, holders: [], opens_at: at(70), limit: 'rate_limit', allowed: 10 },
          {
            limit: 'key_concurrency',
            allowed: 1,
            used: 1,
            holders: ['t7'],
            opens_at: null,
            concurrency_key: 'acme',
          },
          {
            used: null,
            holders: [],
            opens_at: at(63),
            limit: 'key_rate_limit',
            allowed: 1,
            concurrency_key: 'acme',
          },
        ],
      },
    });
  });

  it('is told what is not known', () => {
    expect(
      explain(
        situationOf(heldTale(), {
          queue: filmsWith({
            concurrency: 2,
            key_concurrency: 1,
            rate_limit: { limit: 10, period_seconds: 60 },
            key_rate_limit: { limit: 1, period_seconds: 5 },
            fair: true,
          }),
          ahead: UNKNOWN,
        }),
      ),
    ).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 for a slot of the queue films.',
        'At most 2 tasks of the queue may run at once (concurrency), and who has the slots is not known now.',
        'At most 10 tasks of the queue may start in 60 seconds (rate_limit); when the next one may start is not known now.',
        'At most 1 task with the concurrency_key "acme" may run at once (key_concurrency), and who has the slots is not known now.',
        'At most 1 task with the concurrency_key "acme" may start in 5 seconds (key_rate_limit); when the next one may start is not known now.',
        'Tasks of the same priority start key by key in turn (fair): those of other keys that came later may start before it.',
        'How many tasks wait for a slot before it is not known now: Postgres is away.',
        `A scheduler leads the limits since ${at(0)}: if Postgres was away by then, or the limits of the queue have changed while it was, no slots are given before it is back.`,
      ],
      waiting_for: {
        type: 'slot',
        queue: 'films',
        lane: 'p5',
        ahead: null,
        limits: [
          { limit: 'concurrency', allowed: 2, used: null, holders: [], opens_at: null },
          { used: null, holders: [], opens_at: null, limit: 'rate_limit', allowed: 10 },
          {
            limit: 'key_concurrency',
            allowed: 1,
            used: null,
            holders: [],
            opens_at: null,
            concurrency_key: 'acme',
          },
          {
            used: null,
            holders: [],
            opens_at: null,
            limit: 'key_rate_limit',
            allowed: 1,
            concurrency_key: 'acme',
          },
        ],
      },
    });
  });

  it('is told that even the limits are not known', () => {
    expect(explain(situationOf(heldTale(), { queue: UNKNOWN, ahead: UNKNOWN }))).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 for a slot of the queue films.',
        'Which limits its queue has is not known now.',
        'How many tasks wait for a slot before it is not known now: Postgres is away.',
        `A scheduler leads the limits since ${at(0)}: if Postgres was away by then, or the limits of the queue have changed while it was, no slots are given before it is back.`,
      ],
      waiting_for: { type: 'slot', queue: 'films', lane: 'p5', ahead: null, limits: [] },
    });
  });

  it('is told that those who have slots may have ended, where they are too many to be looked at', () => {
    const holders = Array.from({ length: 20 }, (_, n) => `t${n}`);
    const { because, waiting_for } = explain(
      situationOf(heldTale(), {
        queue: filmsWith({ concurrency: 30, rate_limit: { limit: 40, period_seconds: 60 } }),
        slots: { queue: { used: 30, isAtMost: true, holders, opens_at: UNSTARTED }, key: null },
      }),
    );
    expect(because.slice(1, 3)).toEqual([
      'At most 30 tasks of the queue may run at once (concurrency), and at most 30 have a slot now: t0, t1, t2, t3, t4 and 25 more.',
      'At most 40 tasks of the queue may start in 60 seconds (rate_limit); the next one may start so long after those that have a slot have started.',
    ]);
    expect(waiting_for).toMatchObject({
      limits: [
        { limit: 'concurrency', used: 30, holders, opens_at: null },
        { limit: 'rate_limit', used: null, holders: [], opens_at: null },
      ],
    });
  });

  it('waits for its turn alone while there is room, which in a fair queue the scheduler knows', () => {
    const because = (fair: boolean, ahead: number): string[] =>
      explain(situationOf(heldTale(), { queue: filmsWith({ concurrency: 3, fair }), slots: ROOM, ahead }))
        .because;
    const open =
      'No limit of its queue is reached, as far as is known here: the scheduler lets it go in its turn, but not more tasks than the workers have slots for.';
    expect(because(false, 2).slice(1)).toEqual([open, '2 tasks of its queue wait for a slot before it.']);
    expect(because(true, 0).slice(1)).toEqual([
      open,
      'Tasks of the same priority start key by key in turn (fair): those of other keys that came later may start before it.',
      'By its order it is the first that waits for a slot; which other keys have their turns before it is not known here.',
    ]);
  });

  it.each([
    ['no scheduler runs', new Map(), 'No scheduler runs: nothing that waits for it goes on. Start one.'],
    [
      'none leads the limits',
      new Map([['sweeper', at(0)]]),
      'No scheduler leads the limits of queues at this moment, and nobody else gives slots: if one runs, it takes over within 5 seconds.',
    ],
  ])('is told that %s', (_, leaders, sentence) => {
    const queue = filmsWith({ concurrency: 3, rate_limit: { limit: 10, period_seconds: 60 } });
    expect(explain(situationOf(heldTale(), { queue, slots: ROOM, leaders }))).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 for a slot of the queue films.',
        sentence,
        'No limit of its queue is reached, as far as is known here.',
        'It is the next that gets a slot.',
      ],
      waiting_for: { type: 'slot', queue: 'films', lane: 'p5', ahead: 0, limits: [] },
    });
  });

  it('is let go when the limits are gone', () => {
    expect(explain(situationOf(heldTale(), { ahead: 'many' }))).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 for a slot of the queue films.',
        'Its queue has no limits any more: the scheduler lets it go in its turn, within moments.',
        'More than 1,000 tasks of its queue wait for a slot before it.',
      ],
      waiting_for: { type: 'slot', queue: 'films', lane: 'p5', ahead: null, limits: [] },
    });
  });

  it('waits for its queue first', () => {
    expect(
      explain(
        situationOf(heldTale(), {
          queue: { ...filmsWith({ concurrency: 2 }), paused: { at: at(9), actor: 'api:ops' } },
          slots: USE,
        }),
      ),
    ).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 for a slot of the queue films.',
        `The queue films is paused since ${at(9)} by api:ops. No task of it starts until it is resumed: POST /queues/films/resume.`,
        'At most 2 tasks of the queue may run at once (concurrency), and 2 have a slot now: t7 and t8.',
        'It is the next that gets a slot.',
      ],
      waiting_for: { type: 'resume', what: 'queue', by: 'api:ops', since: at(9), reason: null },
    });
  });

  it('waits for a worker first, if none can run it', () => {
    expect(
      explain(
        situationOf(heldTale(), { queue: filmsWith({ concurrency: 2 }), slots: USE, workers: [], ahead: 1 }),
      ),
    ).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 for a slot of the queue films.',
        'At most 2 tasks of the queue may run at once (concurrency), and 2 have a slot now: t7 and t8.',
        '1 task of its queue waits for a slot before it.',
        'No worker serves the queue films. There is no worker at all. Start one: npm run worker -- --queues films.',
      ],
      waiting_for: {
        type: 'worker',
        reason: 'none_serves_queue',
        queue: 'films',
        task_name: 'render',
        workers: [],
      },
    });
  });
});
