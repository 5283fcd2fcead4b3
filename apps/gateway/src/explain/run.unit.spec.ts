import { describe, expect, it } from '@jest/globals';
import { explain } from './explain.js';
import { UNKNOWN } from './situation.js';
import { Tale, at, situationOf, worker } from './tale.specification.js';

const lost = (workerId: string): object => ({
  type: 'worker',
  reason: 'lost',
  queue: 'films',
  task_name: 'render',
  workers: [workerId],
  takeover_by: at(90),
});

describe('a task that runs', () => {
  it('is told with its progress and the life of its worker', () => {
    expect(
      explain(
        situationOf(new Tale().start(), {
          progress: { percent: 40, current: 4, total: 10, step: 'cutting', message: 'reel 2' },
        }),
      ),
    ).toEqual({
      state: 'STARTED',
      because: [
        `It runs: attempt 1 on w1 since ${at(2)}.`,
        'Its last progress: 40 %, 4 of 10, cutting, reel 2.',
        'The worker gave a sign of life 2 s ago.',
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('may have said nothing of worth', () => {
    expect(explain(situationOf(new Tale().start(), { progress: {}, workers: UNKNOWN }))).toEqual({
      state: 'STARTED',
      because: [
        `It runs: attempt 1 on w1 since ${at(2)}.`,
        `It has reported progress without saying how far it is; its last event is of ${at(2)}.`,
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('may run on a worker of which nothing is known', () => {
    expect(explain(situationOf(new Tale().start(), { workers: UNKNOWN, isRunByWorker: UNKNOWN }))).toEqual({
      state: 'STARTED',
      because: [
        `It runs: attempt 1 on w1 since ${at(2)}.`,
        `It has reported no progress; its last event is of ${at(2)}.`,
        'Whether its worker lives is not known now.',
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('is taken over when its worker is lost, if there is another', () => {
    expect(
      explain(situationOf(new Tale().start(), { workers: [worker('w2')], isRunByWorker: null })),
    ).toEqual({
      state: 'STARTED',
      because: [
        `Attempt 1 began on w1 at ${at(2)} and has not ended.`,
        'The worker w1 shows no sign of life: it does not answer, and has not been seen for 15 seconds at least.',
        `It has reported no progress; its last event is of ${at(2)}.`,
        `Its ticket goes to another worker once its lease of 30 s is over: by ${at(90)}, unless this worker comes back. The task then goes on from its start.`,
      ],
      waiting_for: lost('w1'),
    });
  });

  it('is taken over by nobody while there is nobody', () => {
    expect(
      explain(
        situationOf(new Tale().start().then({ type: 'save-checkpoint', token: 2, state: 1 }), {
          workers: [],
          isRunByWorker: null,
        }),
      ),
    ).toEqual({
      state: 'PROCESSING',
      because: [
        `Attempt 1 began on w1 at ${at(2)} and has not ended.`,
        'The worker w1 shows no sign of life: it does not answer, and has not been seen for 15 seconds at least.',
        `It has reported no progress; its last event is of ${at(3)}.`,
        `Its ticket goes to another worker once its lease of 30 s is over: by ${at(90)}, unless this worker comes back. The task then goes on from its last checkpoint or step.`,
        'No worker serves the queue films. There is no worker at all. Start one: npm run worker -- --queues films.',
      ],
      waiting_for: lost('w1'),
    });
  });

  it('may have been dropped by its worker', () => {
    expect(explain(situationOf(new Tale().start(), { isRunByWorker: false }))).toEqual({
      state: 'STARTED',
      because: [
        `Attempt 1 began on w1 at ${at(2)} and has not ended.`,
        'The worker w1 lives, but says that it does not run it any more.',
        `It has reported no progress; its last event is of ${at(2)}.`,
        `Its ticket goes to another worker once its lease of 30 s is over: by ${at(90)}, unless this worker comes back. The task then goes on from its start.`,
      ],
      waiting_for: lost('w1'),
    });
  });

  it('ends when it was lost too often', () => {
    expect(
      explain(situationOf(new Tale().start().takeOver('w2').takeOver('w3'), { isRunByWorker: null })),
    ).toEqual({
      state: 'STARTED',
      because: [
        `Attempt 3 began on w3 at ${at(4)} and has not ended.`,
        'The worker w3 shows no sign of life: it does not answer, and has not been seen for 15 seconds at least.',
        `It has reported no progress; its last event is of ${at(4)}.`,
        `Its ticket goes to another worker once its lease of 30 s is over: by ${at(90)}, unless this worker comes back. The task then goes on from its start.`,
        'It has been lost 3 times in a row: it is not taken over, but ends as FAILURE (worker_lost).',
        `Attempt 2 began on w2 at ${at(3)} because attempt 1 was lost with its worker w1, which gave no answer, and w2 took over.`,
        `Attempt 3 began on w3 at ${at(4)} because attempt 2 was lost with its worker w2, which gave no answer, and w3 took over.`,
      ],
      waiting_for: lost('w3'),
    });
  });
});
