import { describe, expect, it } from '@jest/globals';
import { explain } from './explain.js';
import { UNKNOWN } from './situation.js';
import { Tale, at, busyWorker, filmsWith, heldTale, situationOf } from './tale.specification.js';

describe('a task in a lane', () => {
  it('is next and starts at once while a worker is free', () => {
    expect(explain(situationOf(new Tale()))).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 of the queue films.',
        '2 of 2 slots of the 1 worker that can run it are free.',
        'It is next in its queue, and starts within moments.',
        `It was submitted at ${at(1)} by api:ann.`,
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'p5', ahead: 0 },
    });
  });

  it('is passed by while its queue is paused', () => {
    expect(
      explain(
        situationOf(new Tale(), {
          queue: {
            name: 'films',
            defined_by: 'worker',
            paused: { at: at(9), actor: 'api:ops', reason: 'maintenance' },
          },
        }),
      ),
    ).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 of the queue films.',
        `The queue films is paused since ${at(9)} by api:ops: maintenance. No task of it starts until it is resumed: POST /queues/films/resume.`,
        '2 of 2 slots of the 1 worker that can run it are free.',
        'It is next in its queue.',
        `It was submitted at ${at(1)} by api:ann.`,
      ],
      waiting_for: { type: 'resume', what: 'queue', by: 'api:ops', since: at(9), reason: 'maintenance' },
    });
  });

  it('waits for a worker first, if there is none that can run it', () => {
    expect(explain(situationOf(new Tale(), { workers: [], ahead: 3 })).waiting_for).toMatchObject({
      type: 'worker',
      reason: 'none_serves_queue',
    });
  });

  it('waits for a free slot of a worker when it is next', () => {
    const workers = [busyWorker('w1', 't8', at(1))];
    expect(explain(situationOf(new Tale(), { workers })).waiting_for).toMatchObject({ reason: 'none_free' });
  });

  it('waits for its turn behind others', () => {
    expect(explain(situationOf(new Tale(), { workers: [busyWorker('w1', 't8', at(1))], ahead: 7 }))).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 of the queue films.',
        `All 2 slots of the 1 worker that can run it are taken; the longest runs t8 since ${at(1)} on w1. Start more workers, or wait for one of them.`,
        '7 tasks of its queue run before it. Move it to the front if it must not wait.',
        `It was submitted at ${at(1)} by api:ann.`,
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'p5', ahead: 7 },
    });
  });

  it('waits behind more than are counted', () => {
    expect(explain(situationOf(new Tale(), { ahead: 'many' }))).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 of the queue films.',
        '2 of 2 slots of the 1 worker that can run it are free.',
        'More than 1,000 tasks of its queue run before it.',
        `It was submitted at ${at(1)} by api:ann.`,
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'p5', ahead: null },
    });
  });

  it('says what is not known', () => {
    expect(
      explain(
        situationOf(new Tale(), { workers: UNKNOWN, ahead: UNKNOWN, queue: UNKNOWN, leaders: UNKNOWN }),
      ),
    ).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 of the queue films.',
        'Which workers there are is not known now.',
        'How many tasks run before it is not known now: Postgres is away, or behind the log.',
        `It was submitted at ${at(1)} by api:ann.`,
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'p5', ahead: null },
    });
  });

  it('tells that it rises, and until when it may start', () => {
    expect(
      explain(
        situationOf(new Tale({ expires_at: at(90), priority: 2 }).then({ type: 'age' }, 'scheduler'), {
          queue: filmsWith({ age_after_seconds: 60 }),
        }),
      ),
    ).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p3 of the queue films.',
        '2 of 2 slots of the 1 worker that can run it are free.',
        'It is next in its queue, and starts within moments.',
        `It rose to the lane p3 for its long wait at ${at(2)} by scheduler.`,
        'Its priority is 2; for each 60 seconds of waiting it rises by one lane.',
        `If it has not started by ${at(90)} (expires_at), it ends as REVOKED.`,
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'p3', ahead: 0 },
    });
  });

  it('is not going to start after its time', () => {
    expect(explain(situationOf(new Tale({ expires_at: at(30) })))).toEqual({
      state: 'PENDING',
      because: [
        `It was to start before ${at(30)} (expires_at), and has not: it will not start any more, and ends as REVOKED within a minute.`,
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('tells who moved it', () => {
    expect(explain(situationOf(new Tale().then({ type: 'move-to-front' })))).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane front of the queue films.',
        '2 of 2 slots of the 1 worker that can run it are free.',
        'It is next in its queue, and starts within moments.',
        `It was moved to the front at ${at(2)} by api:ops.`,
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'front', ahead: 0 },
    });
  });

  it('tells who gave it another priority', () => {
    expect(explain(situationOf(new Tale().then({ type: 'change-priority', priority: 9 })))).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p9 of the queue films.',
        '2 of 2 slots of the 1 worker that can run it are free.',
        'It is next in its queue, and starts within moments.',
        `It was given the priority 9 at ${at(2)} by api:ops.`,
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'p9', ahead: 0 },
    });
  });

  it('was given back by a worker that stopped', () => {
    expect(explain(situationOf(new Tale().start().yield()))).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 of the queue films.',
        '2 of 2 slots of the 1 worker that can run it are free.',
        'It is next in its queue, and starts within moments.',
        `The worker w1 gave attempt 1 back unharmed at ${at(3)} (the worker stops): it goes on with the next worker.`,
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'p5', ahead: 0 },
    });
  });

  it('has a slot already', () => {
    expect(
      explain(
        situationOf(heldTale().then({ type: 'grant', slot: true }, 'scheduler'), {
          queue: filmsWith({ concurrency: 2 }),
        }),
      ),
    ).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 of the queue films.',
        '2 of 2 slots of the 1 worker that can run it are free.',
        'It is next in its queue, and starts within moments.',
        `It was given a slot at ${at(2)} by scheduler.`,
        'It has a slot of the limits of its queue.',
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'p5', ahead: 0 },
    });
  });

  it('may have to wait for a slot yet', () => {
    expect(explain(situationOf(new Tale(), { queue: filmsWith({ concurrency: 2 }) }))).toEqual({
      state: 'PENDING',
      because: [
        'It waits in the lane p5 of the queue films.',
        '2 of 2 slots of the 1 worker that can run it are free.',
        'It is next in its queue, and starts within moments.',
        `It was submitted at ${at(1)} by api:ann.`,
        'Its queue has limits: it may have to wait for a slot once a worker takes it up.',
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'p5', ahead: 0 },
    });
  });
});
