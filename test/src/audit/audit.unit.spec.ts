import { describe, expect, it } from '@jest/globals';
import type { Fact } from '@millrace/domain';
import { Deaths } from '../system/deaths.js';
import type { JournalLine, JournalWord } from '../system/journal.js';
import { audit } from './audit.js';
import type { Order } from './orders.js';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const PID = 100;
const params = { ms: 5 };
const order: Order = { taskId: 't', params, maxRetries: 3, submitted: 'yes' };

/** A fact as far as the audit looks at it; one second after the other, each after the one before. */
const fact = (sequence: number, kind: string, data: object = {}, prev = sequence - 1): Fact =>
  ({ kind, data, sequence, prev, at: time(sequence), task_id: 't', queue: 'q', actor: 'somebody' }) as never;
const time = (second: number): string => new Date(T0 + second * 1000).toISOString();

const submitted = fact(1, 'p5', {}, 0);
const started = (sequence: number, attempt: number, pid = PID, lost = 0): Fact =>
  fact(sequence, 'started', { attempt, worker: `host-${pid}-abcdef01`, lost, failed: 0 });
const succeeded = (sequence: number, token: number): Fact =>
  fact(sequence, 'succeeded', { result: { token, parameterBytes: JSON.stringify(params).length } });
const line = (token: number, attempt: number, word: JournalWord, pid = PID): JournalLine => ({
  taskId: 't',
  attempt,
  token,
  pid,
  word,
  at: T0 + token * 1000,
});
const ran = (token: number, attempt = 1, pid = PID): JournalLine[] => [
  line(token, attempt, 'start', pid),
  line(token, attempt, 'end', pid),
];

const healthy = [submitted, started(2, 1), succeeded(3, 2)];

function faultsOf(facts: Fact[], lines: JournalLine[], changes: Partial<Order> = {}, deaths = new Deaths()) {
  return audit([{ ...order, ...changes }], new Map(facts.length > 0 ? [['t', facts]] : []), lines, deaths)
    .faults;
}

describe('the audit', () => {
  it('has nothing to say of a task that ran once', () => {
    expect(faultsOf(healthy, ran(2))).toEqual([]);
  });

  it.each<[string, Fact[], JournalLine[], Partial<Order>, RegExp]>([
    ['is lost', [], [], {}, /accepted and is not in the log/],
    ['has no end', healthy.slice(0, 2), [line(2, 1, 'start')], {}, /has no end/],
    ['ends twice', [...healthy, succeeded(4, 2)], ran(2), {}, /has 2 ends/],
    [
      'starts after its end',
      [...healthy, started(4, 2)],
      [...ran(2), ...ran(4, 2)],
      {},
      /goes on after its end/,
    ],
    ['was refused', healthy, ran(2), { submitted: 'no' }, /was refused and is in the log/],
    ['succeeds although cancelled', healthy, ran(2), { cancelled: 'yes' }, /was cancelled and has succeeded/],
    ['is cancelled by nobody', [submitted, fact(2, 'cancelled', {})], [], {}, /cancelled by nobody/],
    ['starts too early', healthy, ran(2), { notBefore: T0 + 60_000 }, /too early/],
    ['starts too late', healthy, ran(2), { notAfter: T0 }, /after its time/],
    [
      'has a broken chain',
      [submitted, started(2, 1), fact(3, 'succeeded', succeeded(3, 2).data, 1)],
      ran(2),
      {},
      /follows 1, not 2/,
    ],
    ['runs twice in one attempt', healthy, [...ran(2), ...ran(2)], {}, /ran 2 times/],
    [
      'ran without an attempt',
      healthy,
      [...ran(2), line(9, 1, 'start')],
      {},
      /the token 9, which is no attempt/,
    ],
    ['ran in another process', healthy, ran(2, 1, 200), {}, /ran in the process 200/],
    ['succeeds without its end', healthy, [line(2, 1, 'start')], {}, /without having reached its end/],
    [
      'keeps the result of a zombie',
      [submitted, started(2, 1), succeeded(3, 1)],
      ran(2),
      {},
      /kept the result of 1/,
    ],
    [
      'was retried too often',
      [
        submitted,
        started(2, 1),
        fact(3, 'scheduled', { reason: 'retry', error: { message: 'no disk' } }),
        started(4, 2),
        succeeded(5, 4),
      ],
      [line(2, 1, 'start'), line(2, 1, 'fail'), ...ran(4, 2)],
      {},
      /was retried 1 times/,
    ],
  ])('notices a task that %s', (_what, facts, lines, changes, wanted) => {
    expect(faultsOf(facts, lines, changes).join('\n')).toMatch(wanted);
  });

  const takenOver = [submitted, started(2, 1), started(3, 2, 200, 1), succeeded(4, 3)];
  const runs = [line(2, 1, 'start'), ...ran(3, 2, 200)];

  it('notices that a living worker was robbed', () => {
    expect(faultsOf(takenOver, runs).join('\n')).toMatch(/taken over from the living host-100/);
    expect(faultsOf(takenOver, runs).join('\n')).toMatch(/ran beside attempt 1/);
  });

  it('wants the last chance of a task in a process of its own, and nowhere else', () => {
    const lastChance = [submitted, started(2, 3, PID, 2), succeeded(3, 2)];
    expect(faultsOf(lastChance, ran(2, 3, 200)).join('\n')).not.toMatch(/process|chance/);
    expect(faultsOf(lastChance, ran(2, 3)).join('\n')).toMatch(/last chance in the worker itself/);
  });

  it('finds it right that a dead one was succeeded', () => {
    const deaths = new Deaths();
    deaths.died(PID, T0);
    expect(faultsOf(takenOver, runs, {}, deaths)).toEqual([]);
  });
});
