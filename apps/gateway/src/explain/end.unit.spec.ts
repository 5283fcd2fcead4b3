import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import { explain } from './explain.js';
import { Tale, at, situationOf } from './tale.specification.js';

describe('a task that is put aside or has ended', () => {
  it('was paused by whoever asked its worker', () => {
    expect(
      explain(
        situationOf(
          new Tale().start().then({ type: 'pause', reason: 'lunch', duration_ms: 3 }, 'worker:w1'),
          { pauseAsk: { actor: 'api:eve', at: at(2) } },
        ),
      ),
    ).toEqual({
      state: 'PAUSED',
      because: [
        `It was paused at ${at(3)} by api:eve: lunch. Its attempt 1 ended by that.`,
        'It stays so until it is resumed: POST /tasks/t1/resume.',
      ],
      waiting_for: { type: 'resume', what: 'task', by: 'api:eve', since: at(3), reason: 'lunch' },
    });
  });

  it('was paused while it waited for its time', () => {
    expect(
      explain(
        situationOf(new Tale({}, { not_before: at(500) }).then({ type: 'pause', reason: 'wrong film' })),
      ),
    ).toEqual({
      state: 'PAUSED',
      because: [
        `It was paused at ${at(2)} by api:ops: wrong film.`,
        `It stays so until it is resumed: POST /tasks/t1/resume. It then waits for its time, ${at(500)}.`,
      ],
      waiting_for: { type: 'resume', what: 'task', by: 'api:ops', since: at(2), reason: 'wrong film' },
    });
  });

  it('was paused by somebody who is not known any more', () => {
    expect(
      explain(
        situationOf(new Tale().then({ type: 'pause', reason: 'lunch' }), {
          history: { facts: [], isCut: true },
        }),
      ),
    ).toEqual({
      state: 'PAUSED',
      because: ['It was paused: lunch.', 'It stays so until it is resumed: POST /tasks/t1/resume.'],
      waiting_for: { type: 'resume', what: 'task', by: null, since: null, reason: 'lunch' },
    });
  });

  it('succeeded', () => {
    expect(explain(situationOf(new Tale().start().succeed()))).toEqual({
      state: 'SUCCESS',
      because: [`It succeeded at ${at(3)}, in attempt 1 on w1 after 5 ms. That is final.`],
      waiting_for: { type: 'nothing' },
    });
  });

  it('failed with its retries spent', () => {
    expect(
      explain(
        situationOf(
          new Tale({ retry: { ...DEFAULT_RETRY_POLICY, max_retries: 1 } })
            .start()
            .fail('no ink')
            .start()
            .fail('no paper'),
        ),
      ),
    ).toEqual({
      state: 'FAILURE',
      because: [
        `It failed at ${at(5)}, in attempt 2, with Error: no paper.`,
        'It is not tried again: its 1 retry is spent.',
        'Run it again with POST /tasks/t1/retry; it goes on from its last checkpoint unless from_start is set.',
        `Attempt 2 began on w1 at ${at(4)} because attempt 1 failed with Error: no ink.`,
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('failed with an error that has no retries', () => {
    expect(
      explain(
        situationOf(new Tale({ retry: { ...DEFAULT_RETRY_POLICY, max_retries: 0 } }).start().fail('no ink')),
      ),
    ).toEqual({
      state: 'FAILURE',
      because: [
        `It failed at ${at(3)}, in attempt 1, with Error: no ink.`,
        'It is not tried again: an error of the class Error has no retries.',
        'Run it again with POST /tasks/t1/retry; it goes on from its last checkpoint unless from_start is set.',
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('failed with an error that is not retryable', () => {
    expect(explain(situationOf(new Tale().start().fail('no film', false)))).toEqual({
      state: 'FAILURE',
      because: [
        `It failed at ${at(3)}, in attempt 1, with Error: no film.`,
        'It is not tried again: its handler, or whoever ran it, called this error not retryable.',
        'Run it again with POST /tasks/t1/retry; it goes on from its last checkpoint unless from_start is set.',
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('failed because its workers were lost', () => {
    expect(explain(situationOf(new Tale().start().takeOver('w2').takeOver('w3').takeOver('w4')))).toEqual({
      state: 'FAILURE',
      because: [
        `It failed at ${at(5)}, in attempt 3, with WorkerLost: 3 attempts in a row were lost with their worker; the last one ran on w3.`,
        'It is not tried again: 3 attempts in a row were lost with their worker, so it may be what ends them.',
        'Run it again with POST /tasks/t1/retry; it goes on from its last checkpoint unless from_start is set.',
        `Attempt 2 began on w2 at ${at(3)} because attempt 1 was lost with its worker w1, which gave no answer, and w2 took over.`,
        `Attempt 3 began on w3 at ${at(4)} because attempt 2 was lost with its worker w2, which gave no answer, and w3 took over.`,
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('was cancelled', () => {
    expect(explain(situationOf(new Tale().then({ type: 'cancel', message: 'wrong film' })))).toEqual({
      state: 'REVOKED',
      because: [
        `It was cancelled at ${at(2)} by api:ops: wrong film. It was PENDING until then.`,
        'Run it again with POST /tasks/t1/branch.',
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('was cancelled with others', () => {
    expect(explain(situationOf(new Tale().then({ type: 'cancel', operation: 'op1' })))).toEqual({
      state: 'REVOKED',
      because: [
        `It was cancelled at ${at(2)} by api:ops. It was PENDING until then.`,
        'The operation op1 cancelled it with others: undo that to bring them back.',
      ],
      waiting_for: { type: 'nothing' },
    });
  });

  it('expired', () => {
    expect(
      explain(situationOf(new Tale({ expires_at: at(1) }).then({ type: 'expire' }, 'scheduler'))),
    ).toEqual({
      state: 'REVOKED',
      because: [
        `It did not start before ${at(1)} (expires_at), so it was revoked at ${at(2)}; it was PENDING until then.`,
        'Run it all the same with POST /tasks/t1/branch.',
      ],
      waiting_for: { type: 'nothing' },
    });
  });
});
