import { describe, expect, it } from '@jest/globals';
import { LANES } from '@millrace/domain';
import type { Fact, Kind, Run } from '@millrace/domain';
import { judge } from './judge.js';

const TICKET = 10;
const run: Run = { attempt: 2, worker: 'other', ticket: TICKET, token: 12, failed: 0, lost: 0 };
const foreignRun: Run = { ...run, ticket: 7 };

/** A fact whose data hold no more than the judge looks at. */
const fact = (kind: Kind, data: object, sequence = 15): Fact =>
  ({
    kind,
    data,
    sequence,
    queue: 'q',
    task_id: 't',
    id: 'e',
    prev: 1,
    at: '',
    actor: '',
  }) as unknown as Fact;

const nobody = (): boolean => false;
const me = (token: number): boolean => token === run.token;

describe('a ticket whose claim was refused', () => {
  it.each([...LANES, 'held', 'paused', 'succeeded', 'failed', 'cancelled'] as const)(
    'is dropped when the last fact is %s',
    (kind) => {
      expect(judge(TICKET, fact(kind, {}), nobody)).toEqual({ action: 'drop' });
    },
  );

  it('is claimed again when its own ready fact is the last one', () => {
    expect(judge(TICKET, fact('p5', {}, TICKET), nobody)).toEqual({ action: 'claim' });
  });

  it('is dropped after a wait was armed that may lack its timer', () => {
    const wait = fact('scheduled', {});
    expect(judge(TICKET, wait, nobody)).toEqual({ action: 'arm-and-drop', wait });
  });

  it.each(['progress', 'checkpoint', 'step'] as const)(
    'waits for an answer of the worker whose attempt wrote %s',
    (kind) => {
      expect(judge(TICKET, fact(kind, { run }), nobody)).toEqual({ action: 'ask', run });
    },
  );

  it('waits for an answer of the worker that started an attempt of this ticket', () => {
    const { token: _token, ...started } = run;
    const verdict = judge(TICKET, fact('started', started, 12), nobody);
    expect(verdict).toEqual({ action: 'ask', run });
  });

  it('goes on when the attempt is that of this process', () => {
    expect(judge(TICKET, fact('progress', { run }), me)).toEqual({ action: 'go-on' });
    expect(judge(TICKET, fact('started', run, 12), me)).toEqual({ action: 'go-on' });
  });

  it.each(['progress', 'checkpoint', 'step'] as const)(
    'is dropped when %s is of an attempt of another ticket',
    (kind) => {
      expect(judge(TICKET, fact(kind, { run: foreignRun }), me)).toEqual({ action: 'drop' });
    },
  );

  it('is claimed on a yielded attempt of its own, and dropped on one of another ticket', () => {
    expect(judge(TICKET, fact('yielded', { run }), nobody)).toEqual({ action: 'claim' });
    expect(judge(TICKET, fact('yielded', { run: foreignRun }), nobody)).toEqual({ action: 'drop' });
  });
});
