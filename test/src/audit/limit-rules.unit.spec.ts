import { describe, expect, it } from '@jest/globals';
import type { Fact } from '@millrace/domain';
import type { JournalLine, JournalWord } from '../system/journal.js';
import { limitsInHandlers, limitsInLog, longestStandstill } from './limit-rules.js';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const limits = { concurrency: 2, keyConcurrency: 1, keyOf: (taskId: string) => taskId.split('-')[1] };

/** A log written as `sequence:task:kind`, one second apart. */
function historiesOf(text: string): Map<string, Fact[]> {
  const histories = new Map<string, Fact[]>();
  for (const word of text.split(' ')) {
    const [sequence = '', task_id = '', kind = ''] = word.split(':');
    const at = new Date(T0 + Number(sequence) * 1000).toISOString();
    const fact = { sequence: Number(sequence), task_id, kind, at } as unknown as Fact;
    histories.set(task_id, [...(histories.get(task_id) ?? []), fact]);
  }
  return histories;
}

const lineOf = (taskId: string, token: number, word: JournalWord, second: number): JournalLine => ({
  taskId,
  attempt: 1,
  token,
  pid: 1,
  word,
  at: T0 + second * 1000,
});

describe('limits seen in the log', () => {
  it('are kept by tasks that run one after the other', () => {
    const log = '1:a-x:started 2:b-y:started 3:a-x:progress 4:a-x:succeeded 5:c-x:started';
    expect(limitsInLog(historiesOf(log), limits)).toEqual({ most: 2, mostOfKey: 1, faults: [] });
  });

  it('are broken by one task too many, of all or of a key', () => {
    const log = '1:a-x:started 2:b-y:started 3:c-y:started';
    expect(limitsInLog(historiesOf(log), limits).faults).toEqual([
      '3 ran at once in the log when c-y started at 3',
      '2 of the key y ran at once in the log when c-y started at 3',
    ]);
  });

  it('count a task that was taken over once, and one that was given back no more', () => {
    const log = '1:a-x:started 2:a-x:started 3:a-x:yielded 4:b-x:started';
    expect(limitsInLog(historiesOf(log), limits).faults).toEqual([]);
  });
});

describe('limits seen in the handlers', () => {
  it('are broken by handlers that overlap', () => {
    const lines = [lineOf('a-x', 1, 'start', 1), lineOf('b-x', 2, 'start', 2), lineOf('a-x', 1, 'end', 3)];
    expect(limitsInHandlers(lines, new Map(), limits).faults).toHaveLength(1);
  });

  it('are kept by one that hears of its cancel late', () => {
    const lines = [lineOf('a-x', 1, 'start', 1), lineOf('b-x', 3, 'start', 3), lineOf('a-x', 1, 'told', 4)];
    expect(limitsInHandlers(lines, historiesOf('1:a-x:started 2:a-x:cancelled'), limits).faults).toEqual([]);
  });
});

describe('a standstill', () => {
  it('is the longest time without a start while somebody waits', () => {
    expect(
      longestStandstill(historiesOf('1:a:held 2:a:p5 4:a:started 9:a:succeeded 20:b:p5 21:b:started')),
    ).toBe(3000);
  });
});
