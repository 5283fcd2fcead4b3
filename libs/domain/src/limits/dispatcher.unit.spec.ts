import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Lane } from '../task/kinds.js';
import { Dispatcher } from './dispatcher.js';
import type { QueueLimits } from './queue-limits.js';

let sequence = 0;
const a = (id: string, key?: string, lane: Lane = 'p5') => ({ id, key, lane, rank: ++sequence, sequence });

/** A dispatcher with these tasks waiting, in this order. */
function given(limits: QueueLimits, ...tasks: ReturnType<typeof a>[]): Dispatcher {
  const dispatcher = new Dispatcher(limits);
  for (const task of tasks) dispatcher.hold(task);
  return dispatcher;
}

const ids = (tasks: { id: string }[]): string => tasks.map(({ id }) => id).join(' ');
const all = (dispatcher: Dispatcher, now = 0): string => ids(dispatcher.take(now, Infinity, 100));
/** It starts and ends. */
function run(dispatcher: Dispatcher, id: string, now = 0): void {
  dispatcher.start({ id, lane: 'p5', sequence }, now);
  dispatcher.remove(id);
}

describe('a queue with a limit of concurrency', () => {
  it('lets so many through, and the next when one has ended', () => {
    const dispatcher = given({ concurrency: 2 }, a('1'), a('2'), a('3'), a('4'));
    expect(all(dispatcher)).toBe('1 2');
    expect(all(dispatcher)).toBe('');
    run(dispatcher, '1');
    expect(all(dispatcher)).toBe('3');
  });

  it('counts what runs without a slot, because it was there before the limit', () => {
    const dispatcher = given({ concurrency: 2 }, a('1'), a('2'));
    dispatcher.start(a('old'), 0);
    expect(all(dispatcher)).toBe('1');
  });

  it('serves lanes in their order, and within a lane by rank', () => {
    const dispatcher = given(
      { concurrency: 9 },
      a('1'),
      a('low', undefined, 'p0'),
      a('2'),
      a('high', undefined, 'p9'),
    );
    dispatcher.hold({ ...a('first'), rank: 0 });
    expect(all(dispatcher)).toBe('high first 1 2 low');
  });

  it('takes the newer place of a task that was moved', () => {
    const dispatcher = given({ concurrency: 1 }, a('1'), a('2'), a('3'));
    dispatcher.hold({ ...a('3'), rank: 0 });
    expect(all(dispatcher)).toBe('3');
    expect(dispatcher.waiting).toBe(2);
  });

  it('waits for the workers, but for more urgent tasks', () => {
    const dispatcher = given({ concurrency: 100 }, a('1'), a('2'), a('3'));
    expect(ids(dispatcher.take(0, 2, 100))).toBe('1 2');
    dispatcher.hold(a('urgent', undefined, 'p9'));
    expect(ids(dispatcher.take(0, 2, 100))).toBe('urgent');
    dispatcher.start({ id: '1', lane: 'p5', sequence }, 0);
    expect(ids(dispatcher.take(0, 2, 100))).toBe('');
    dispatcher.start({ id: '2', lane: 'p5', sequence }, 0);
    expect(ids(dispatcher.take(0, 2, 100))).toBe('3');
  });

  it('has the slot back when what was taken did not come to pass', () => {
    const dispatcher = given({ concurrency: 1 }, a('1'), a('2'));
    const [taken] = dispatcher.take(0, 8, 8);
    dispatcher.putBack(taken!);
    expect(all(dispatcher)).toBe('1');
  });
});

describe('a limit of concurrency per key', () => {
  it('passes over keys that have theirs, with all their tasks', () => {
    const dispatcher = given({ key_concurrency: 1 }, a('a1', 'a'), a('a2', 'a'), a('b1', 'b'), a('plain'));
    expect(all(dispatcher)).toBe('a1 b1 plain');
    run(dispatcher, 'b1');
    expect(all(dispatcher)).toBe('');
    run(dispatcher, 'a1');
    expect(all(dispatcher)).toBe('a2');
  });

  it('is quick past a key with a hundred thousand tasks', () => {
    const dispatcher = new Dispatcher({ key_concurrency: 1 });
    for (let i = 0; i < 100_000; i++) dispatcher.hold(a(`big-${i}`, 'big'));
    dispatcher.take(0, 100, 100);
    const begun = performance.now();
    let taken = 0;
    for (let i = 0; i < 1_000; i++) {
      dispatcher.hold(a(`small-${i}`, `key-${i}`));
      taken += dispatcher.take(0, Infinity, 1).length;
    }
    // A walk past the backlog each time would take minutes.
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(taken).toBe(1_000);
  });
});

describe('a rate', () => {
  it('counts starts, and those that may start at any time', () => {
    const dispatcher = given({ rate_limit: { limit: 2, period_seconds: 1 } }, a('1'), a('2'), a('3'), a('4'));
    expect(all(dispatcher, 10_000)).toBe('1 2');
    expect(all(dispatcher, 60_000)).toBe('');
    expect(dispatcher.wakeAt(60_000)).toBeUndefined();
    run(dispatcher, '1', 60_000);
    dispatcher.remove('2');
    expect(all(dispatcher, 60_000)).toBe('3');
    const opens = dispatcher.wakeAt(60_000)!;
    expect(opens).toBeGreaterThan(61_000);
    expect(opens).toBeLessThan(61_100);
    expect(all(dispatcher, opens - 1)).toBe('');
    expect(all(dispatcher, opens)).toBe('4');
  });

  it('of a key wakes that key', () => {
    const limits = { key_rate_limit: { limit: 1, period_seconds: 1 } };
    const dispatcher = given(limits, a('a1', 'a'), a('a2', 'a'), a('b1', 'b'));
    expect(all(dispatcher, 0)).toBe('a1 b1');
    run(dispatcher, 'a1', 0);
    expect(all(dispatcher, 0)).toBe('');
    const opens = dispatcher.wakeAt(0)!;
    expect(all(dispatcher, opens)).toBe('a2');
  });

  it('goes on where another left it', () => {
    const limits = { rate_limit: { limit: 3, period_seconds: 1 } };
    const before = given(limits, a('1'), a('2'), a('3'));
    expect(all(before)).toBe('1 2 3');
    before.start({ id: '1', lane: 'p5', sequence }, 0);
    // The second starts without being seen by the one before, the third is waited for still.
    const after = given(limits, a('4'), a('5'), a('6'));
    after.start({ id: '1', lane: 'p5', sequence }, 0);
    after.release({ id: '3', lane: 'p5', sequence });
    after.restore(before.use(0), 500);
    expect(all(after, 500)).toBe('');
    expect(all(after, 1_100)).toBe('4');
    expect(all(after, 1_600)).toBe('5');
  });

  it('is never more than the limit in any span of the period, whenever tasks start', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.boolean()), { maxLength: 120 }),
        (limit, moves) => {
          const dispatcher = new Dispatcher({ rate_limit: { limit, period_seconds: 1 } });
          for (let i = 0; i < moves.length; i++) dispatcher.hold(a(`t${i}`));
          const released: string[] = [];
          const starts: number[] = [];
          let now = 0;
          for (const [pause, starting] of moves) {
            now += pause;
            for (const { id } of dispatcher.take(now, Infinity, 100)) released.push(id);
            const id = starting && released.shift();
            if (!id) continue;
            run(dispatcher, id, now);
            starts.push(now);
          }
          for (const from of starts)
            expect(starts.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });
});

describe('a fair queue', () => {
  const shares = (dispatcher: Dispatcher, count: number): Record<string, number> => {
    const taken: Record<string, number> = {};
    for (let i = 0; i < count; i++)
      for (const task of dispatcher.take(0, Infinity, 1)) {
        taken[task.key.name ?? ''] = (taken[task.key.name ?? ''] ?? 0) + 1;
        run(dispatcher, task.id);
      }
    return taken;
  };

  it('lets a new key go next, however many tasks another has', () => {
    const dispatcher = given({ fair: true }, ...Array.from({ length: 1000 }, (_, i) => a(`a${i}`, 'a')));
    dispatcher.take(0, Infinity, 100);
    dispatcher.hold(a('new', 'b'));
    expect(ids(dispatcher.take(0, Infinity, 2))).toContain('new');
  });

  it('gives turns by weight', () => {
    const tasks = ['a', 'b', 'c'].flatMap((key) =>
      Array.from({ length: 400 }, (_, i) => a(`${key}${i}`, key)),
    );
    expect(shares(given({ fair: true, weights: { a: 2, c: 0.5 } }, ...tasks), 350)).toEqual({
      a: 200,
      b: 100,
      c: 50,
    });
  });

  it('owes nothing to a key that had nothing to do, and forgets nothing of one that comes again and again', () => {
    const dispatcher = given({ fair: true }, ...Array.from({ length: 500 }, (_, i) => a(`a${i}`, 'a')));
    shares(dispatcher, 100);
    let dripped = 0;
    for (let i = 0; i < 100; i++) {
      if (!dispatcher.find('drip')) dispatcher.hold(a('drip', 'b'));
      dripped += shares(dispatcher, 1).b ?? 0;
    }
    expect(dripped).toBeGreaterThanOrEqual(49);
    expect(dripped).toBeLessThanOrEqual(51);
  });

  it('does not let keys wait for one that is at its limit', () => {
    const limits = { fair: true, key_concurrency: 1 };
    const dispatcher = given(limits, a('a1', 'a'), a('a2', 'a'), a('b1', 'b'), a('c1', 'c'));
    expect(all(dispatcher)).toBe('a1 b1 c1');
  });
});

describe('any course of events', () => {
  const lanes = ['front', 'p10', 'p5', 'p0'] as const;

  it('never passes a limit, loses no task, and never stops while one could go', () => {
    const moves = fc.array(fc.tuple(fc.nat(6), fc.nat(12), fc.nat(2), fc.nat(3)), {
      maxLength: 200,
    });
    const limits = fc.record(
      {
        concurrency: fc.integer({ min: 1, max: 4 }),
        key_concurrency: fc.integer({ min: 1, max: 2 }),
        fair: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(limits, moves, (limit, course) => {
        const dispatcher = new Dispatcher(limit);
        const waiting = new Map<string, string>();
        const holding = new Map<string, string>();
        for (const [what, idNumber, keyNumber, laneNumber] of course) {
          const id = `t${idNumber}`;
          const key = `k${keyNumber}`;
          const lane = lanes[laneNumber] ?? 'p5';
          const known = { id, key: holding.get(id) ?? key, lane, sequence };
          if (what <= 2) {
            dispatcher.hold(a(id, key, lane));
            holding.delete(id);
            waiting.set(id, key);
          } else if (what === 3) {
            dispatcher.remove(id);
            holding.delete(id);
            waiting.delete(id);
          } else if (what === 4 && holding.has(id)) dispatcher.release(known);
          else if (what === 5 && holding.has(id)) dispatcher.start(known, 0);
          const taken = dispatcher.take(0, Infinity, what === 6 ? 100 : 1);
          for (const task of taken) {
            holding.set(task.id, waiting.get(task.id)!);
            waiting.delete(task.id);
          }
          const ofKey = (name: string): number => [...holding.values()].filter((k) => k === name).length;
          const { concurrency = Infinity, key_concurrency = Infinity } = limit;
          expect(holding.size).toBeLessThanOrEqual(concurrency);
          for (const name of new Set(holding.values()))
            expect(ofKey(name)).toBeLessThanOrEqual(key_concurrency);
          expect(dispatcher.waiting).toBe(waiting.size);
          expect(dispatcher.holderCount).toBe(holding.size);
          if (what === 6 && holding.size < concurrency)
            expect([...waiting.values()].filter((name) => ofKey(name) < key_concurrency)).toEqual([]);
        }
      }),
    );
  });
});
