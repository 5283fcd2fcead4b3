import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import { explain } from './explain.js';
import { UNKNOWN } from './situation.js';
import { Tale, at, situationOf } from './tale.specification.js';

describe('a task that waits for a time or a signal', () => {
  it('is not to start before its time', () => {
    expect(explain(situationOf(new Tale({ expires_at: at(600) }, { not_before: at(500) })))).toEqual({
      state: 'PENDING',
      because: [
        `It is not to start before ${at(500)}.`,
        `If it has not started by ${at(600)} (expires_at), it ends as REVOKED.`,
      ],
      waiting_for: { type: 'time', reason: 'delay', until: at(500) },
    });
  });

  it('waits in a lane once its timer has fired', () => {
    expect(explain(situationOf(new Tale({}, { not_before: at(30) }), { timer: 'fired', ahead: 1 }))).toEqual({
      state: 'PENDING',
      because: [
        `Its time came at ${at(30)}: it waits in the lane p5 of the queue films.`,
        '2 of 2 slots of the 1 worker that can run it are free.',
        '1 task of its queue runs before it. Move it to the front if it must not wait.',
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'p5', ahead: 1 },
    });
  });

  it('is due before its timer has fired', () => {
    expect(explain(situationOf(new Tale({}, { not_before: at(30) })))).toEqual({
      state: 'PENDING',
      because: [`It is not to start before ${at(30)}.`, 'Its time has come: the timer fires within moments.'],
      waiting_for: { type: 'time', reason: 'delay', until: at(30) },
    });
  });

  it('is repaired if its timer is missing, by a scheduler', () => {
    expect(
      explain(situationOf(new Tale({}, { not_before: at(30) }), { timer: 'missing', leaders: new Map() })),
    ).toEqual({
      state: 'PENDING',
      because: [
        `It is not to start before ${at(30)}.`,
        `No timer is armed for it: the sweeper of the scheduler sees to it within a minute after ${at(30)}.`,
        'No scheduler runs: nothing that waits for it goes on. Start one.',
      ],
      waiting_for: { type: 'time', reason: 'delay', until: at(30) },
    });
  });

  it('says that its timer is not known', () => {
    expect(explain(situationOf(new Tale({}, { not_before: at(500) }), { timer: UNKNOWN }))).toEqual({
      state: 'PENDING',
      because: [`It is not to start before ${at(500)}.`, 'Whether its timer is armed is not known now.'],
      waiting_for: { type: 'time', reason: 'delay', until: at(500) },
    });
  });

  it('will be passed by while its queue is paused', () => {
    expect(
      explain(
        situationOf(new Tale({}, { not_before: at(500) }), {
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
        `It is not to start before ${at(500)}.`,
        `The queue films is paused since ${at(9)} by api:ops: maintenance. No task of it starts until it is resumed: POST /queues/films/resume.`,
      ],
      waiting_for: { type: 'time', reason: 'delay', until: at(500) },
    });
  });

  it('waits for its retry', () => {
    expect(explain(situationOf(new Tale().start().fail('out of ink')))).toEqual({
      state: 'RETRY',
      because: [
        'Attempt 1 failed with Error: out of ink.',
        `The next attempt may start at ${at(63)}; 2 of 3 retries are left after it.`,
      ],
      waiting_for: { type: 'time', reason: 'retry', until: at(63) },
    });
  });

  it('waits for the last retry of an error of its class', () => {
    expect(
      explain(
        situationOf(
          new Tale({ retry: { ...DEFAULT_RETRY_POLICY, by_error: { Busy: { max_retries: 1 } } } })
            .start()
            .fail('later', true, { name: 'Busy' }),
        ),
      ),
    ).toEqual({
      state: 'RETRY',
      because: [
        'Attempt 1 failed with Busy: later.',
        `The next attempt may start at ${at(33)}; no retry is left after it.`,
        'Its time has come: the timer fires within moments.',
      ],
      waiting_for: { type: 'time', reason: 'retry', until: at(33) },
    });
  });

  it('waits in a lane for its retry', () => {
    expect(
      explain(situationOf(new Tale().start().fail('out of ink'), { timer: 'fired', ahead: 'many' })),
    ).toEqual({
      state: 'RETRY',
      because: [
        `Its time came at ${at(63)}: it waits in the lane p5 of the queue films.`,
        '2 of 2 slots of the 1 worker that can run it are free.',
        'More than 1,000 tasks of its queue run before it.',
        'Attempt 1 failed with Error: out of ink.',
        `The next attempt may start at ${at(63)}; 2 of 3 retries are left after it.`,
      ],
      waiting_for: { type: 'turn', queue: 'films', lane: 'p5', ahead: null },
    });
  });

  it('sleeps', () => {
    expect(explain(situationOf(new Tale().start().suspend({ until: at(1000) })))).toEqual({
      state: 'PENDING',
      because: [`Its run sleeps until ${at(1000)}, by its own wish, and fills no slot meanwhile.`],
      waiting_for: { type: 'time', reason: 'sleep', until: at(1000) },
    });
  });

  it('waits for a signal', () => {
    expect(explain(situationOf(new Tale().start().suspend({ waiting_for: 'signal:approved' })))).toEqual({
      state: 'PENDING',
      because: [
        `Its run waits for the signal approved, for as long as it takes, since ${at(3)}.`,
        'Send it: POST /tasks/t1/signals with the name approved.',
      ],
      waiting_for: { type: 'signal', signal: 'approved', until: null },
    });
  });

  it('waits for a signal until a time', () => {
    expect(
      explain(situationOf(new Tale().start().suspend({ waiting_for: 'signal:approved', until: at(1000) }))),
    ).toEqual({
      state: 'PENDING',
      because: [
        `Its run waits for the signal approved, and goes on without it at ${at(1000)}.`,
        'Send it: POST /tasks/t1/signals with the name approved.',
      ],
      waiting_for: { type: 'signal', signal: 'approved', until: at(1000) },
    });
  });

  it('waits for something else', () => {
    expect(explain(situationOf(new Tale().start().suspend({ waiting_for: 'release' })))).toEqual({
      state: 'PENDING',
      because: [
        `Its run waits for its release (release), for as long as it takes, since ${at(3)}.`,
        'Whoever it waits for ends the wait.',
      ],
      waiting_for: { type: 'signal', signal: 'release', until: null },
    });
  });
});
