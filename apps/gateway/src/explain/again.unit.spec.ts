import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import { explain } from './explain.js';
import { Tale, at, heldTale, situationOf } from './tale.specification.js';

describe('a task that ran more than once', () => {
  it('is told why for each attempt beyond the first', () => {
    expect(
      explain(
        situationOf(
          new Tale()
            .start()
            .fail('boom')
            .start('w2')
            .yield()
            .start('w3')
            .takeOver('w4')
            .suspend({ until: at(9) })
            .start('w4')
            .then({ type: 'pause', reason: 'lunch' })
            .then({ type: 'resume' }, 'api:eve')
            .start()
            .succeed(),
        ),
      ),
    ).toEqual({
      state: 'SUCCESS',
      because: [
        `It succeeded at ${at(13)}, in attempt 6 on w1 after 5 ms. That is final.`,
        `Attempt 2 began on w2 at ${at(4)} because attempt 1 failed with Error: boom.`,
        `Attempt 3 began on w3 at ${at(6)} because the worker w2 gave attempt 2 back unharmed: the worker stops.`,
        `Attempt 4 began on w4 at ${at(7)} because attempt 3 was lost with its worker w3, which gave no answer, and w4 took over.`,
        `Attempt 5 began on w4 at ${at(9)} because attempt 4 slept until ${at(9)}, by its own wish.`,
        `Attempt 6 began on w1 at ${at(12)} because attempt 5 was paused by api:ops: lunch, and the task was resumed at ${at(11)} by api:eve.`,
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('is told who brought it back', () => {
    expect(
      explain(
        situationOf(
          new Tale()
            .start()
            .fail('bad film', false)
            .then({ type: 'retry' })
            .start()
            .fail('busy')
            .then({ type: 'run-now' })
            .start()
            .fail('bad film', false)
            .then({ type: 'resume' })
            .start()
            .then({ type: 'cancel', operation: 'op1' })
            .then({ type: 'restore', operation: 'op1' })
            .start()
            .succeed(),
        ),
      ),
    ).toEqual({
      state: 'SUCCESS',
      because: [
        `It succeeded at ${at(15)}, in attempt 5 on w1 after 5 ms. That is final.`,
        `Attempt 2 began on w1 at ${at(5)} because attempt 1 failed for good with Error: bad film, and the task was retried at ${at(4)} by api:ops.`,
        `Attempt 3 began on w1 at ${at(8)} because attempt 2 failed with Error: busy, and the task was freed from waiting for its time at ${at(7)} by api:ops.`,
        `Attempt 4 began on w1 at ${at(11)} because attempt 3 failed for good with Error: bad film, and the task was resumed at ${at(10)} by api:ops.`,
        `Attempt 5 began on w1 at ${at(14)} because attempt 4 was cancelled by api:ops, and the task was brought back after it had been cancelled at ${at(13)} by api:ops.`,
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('is told what it waited for', () => {
    expect(
      explain(
        situationOf(
          new Tale()
            .start()
            .suspend({ waiting_for: 'signal:go' })
            .then({ type: 'release', waiting_for: 'signal:go' })
            .start()
            .suspend({ waiting_for: 'signal:go', until: at(90) })
            .start()
            .succeed(),
        ),
      ),
    ).toEqual({
      state: 'SUCCESS',
      because: [
        `It succeeded at ${at(8)}, in attempt 3 on w1 after 5 ms. That is final.`,
        `Attempt 2 began on w1 at ${at(5)} because attempt 1 waited for the signal go.`,
        `Attempt 3 began on w1 at ${at(7)} because attempt 2 waited for the signal go, until ${at(90)} at most.`,
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('is told that its ticket was repaired', () => {
    expect(
      explain(
        situationOf(
          new Tale().start().then({ type: 'repair-ticket', seen: 2 }, 'scheduler').start('w2').succeed(),
        ),
      ),
    ).toEqual({
      state: 'SUCCESS',
      because: [
        `It succeeded at ${at(5)}, in attempt 2 on w2 after 5 ms. That is final.`,
        `Attempt 2 began on w2 at ${at(4)} because attempt 1 was lost with its worker w1, and the sweeper gave the task a new ticket at ${at(3)}.`,
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('is told that the limits held it in between', () => {
    expect(
      explain(
        situationOf(
          heldTale()
            .then({ type: 'grant', slot: true }, 'scheduler')
            .start()
            .fail('boom')
            .then({ type: 'claim', worker: 'w1', ticket: 5, after: 4, limited: true }, 'worker:w1')
            .then({ type: 'grant', slot: true }, 'scheduler')
            .start()
            .succeed(),
        ),
      ),
    ).toEqual({
      state: 'SUCCESS',
      because: [
        `It succeeded at ${at(8)}, in attempt 2 on w1 after 5 ms. That is final.`,
        `Attempt 2 began on w1 at ${at(7)} because attempt 1 failed with Error: boom.`,
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('is told what is not known', () => {
    expect(
      explain(
        situationOf(new Tale().start().fail('boom').start().fail('boom').start(), {
          history: {
            facts: new Tale().start().fail('boom').start().fail('boom').start().facts.slice(3),
            isCut: true,
          },
        }),
      ),
    ).toEqual({
      state: 'STARTED',
      because: [
        `It runs: attempt 3 on w1 since ${at(6)}.`,
        `It has reported no progress; its last event is of ${at(6)}.`,
        'The worker gave a sign of life 2 s ago.',
        `Attempt 3 began on w1 at ${at(6)} because attempt 2 failed with Error: boom.`,
        'Why 1 earlier attempt was made is not known now: Postgres is away, and the log no longer has them.',
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('is told of the last twenty attempts, and how many it is not told of', () => {
    const tale = new Tale({ retry: { ...DEFAULT_RETRY_POLICY, max_retries: 30 } });
    for (let n = 1; n <= 25; n++) tale.start().fail(`boom ${n}`);
    const { because } = explain(situationOf(tale));
    const again = because.filter((sentence) => sentence.startsWith('Attempt ')).slice(1);
    expect(again).toHaveLength(20);
    expect(again[0]).toMatch(/^Attempt 6 .* attempt 5 failed with Error: boom 5\.$/);
    expect(because.at(-1)).toBe(
      'Why 4 earlier attempts were made is left out; GET /tasks/{task_id}/events has them.',
    );
  });
});
