import { describe, expect, it } from '@jest/globals';
import { NO_TASK } from '@millrace/domain';
import type { TaskState } from '@millrace/domain';
import { UNSTARTED } from './situation.js';
import type { SlotHolders } from './situation.js';
import { bookedOf, holdersOf, toLookAt } from './slot-use.js';
import { Tale, at, heldTale } from './tale.specification.js';

const NOW = Date.parse(at(60));
const granted = (): Tale => heldTale().then({ type: 'grant', slot: true }, 'scheduler');
const running = (): TaskState => granted().start().state;
const ended = (): TaskState => granted().start().succeed().state;

/** With the `held` fact 1, as in each of the tales. */
const use = (ids: string[], window?: { starts: [number, number][]; open: string[] }) => ({
  holders: Object.fromEntries(ids.map((id) => [id, 1])),
  ...(window && { window }),
});

describe('who has slots', () => {
  it.each([
    ['runs', running(), true],
    ['waits for a worker, with its slot', granted().state, true],
    ['is just being made ready', heldTale().state, true],
    ['waits for a slot again', granted().start().fail('once').start().state, true],
    ['has ended', ended(), false],
    ['waits for its retry', granted().start().fail('once').state, false],
    ['waits in its lane, without a slot', new Tale().state, false],
    ['is gone from the log', NO_TASK, false],
  ])('by the record and the log: one that %s', (_, state, has) => {
    const known = holdersOf(bookedOf(use(['t2']), [], 't1'), undefined, new Map([['t2', state]]), NOW);
    expect(known).toEqual({ used: has ? 1 : 0, isAtMost: false, holders: has ? ['t2'] : [] });
  });

  it('is not who had one and waits for another', () => {
    const again = granted().start().fail('once').then({
      type: 'claim',
      worker: 'w1',
      ticket: 5,
      after: 4,
      limited: true,
    }).state;
    const known = holdersOf(bookedOf(use(['t2']), [], 't1'), undefined, new Map([['t2', again]]), NOW);
    expect(known.used).toBe(0);
  });

  it('is also who started before there were limits, but not the task that asks', () => {
    const booked = bookedOf(use(['t1', 't2']), ['t2', 't3'], 't1');
    expect([...booked.holders.keys()]).toEqual(['t2', 't3']);
  });

  it('is at most as many as the record tells, where they are many', () => {
    const ids = Array.from({ length: 30 }, (_, n) => `t${n + 2}`);
    const booked = bookedOf(use(ids), [], 't1');
    expect(toLookAt(booked)).toEqual(ids.slice(0, 20));
    const seen = new Map(toLookAt(booked).map((id, n) => [id, n === 0 ? ended() : running()]));
    expect(holdersOf(booked, undefined, seen, NOW)).toEqual({
      used: 29,
      isAtMost: true,
      holders: ids.slice(1, 20),
    });
  });
});

describe('a rate', () => {
  const rate = { limit: 2, period_seconds: 100 };
  const opening = (
    window: { starts: [number, number][]; open: string[] },
    states: [string, TaskState][] = [],
  ): SlotHolders['opens_at'] =>
    holdersOf(bookedOf(use([], window), [], 't1'), rate, new Map(states), NOW).opens_at;

  it('opens when enough of the counted starts are over', () => {
    const starts: [number, number][] = [
      [Date.parse(at(2)), 1],
      [Date.parse(at(4)), 1],
    ];
    expect(opening({ starts, open: [] })).toBe(at(104));
    expect(opening({ starts: starts.slice(1), open: [] })).toBeNull();
  });

  it('counts who has started since, and ended', () => {
    const open = ['t2', 't3'];
    // Started in second 3, or ended in second 4: counted to the end of the part, and for one part more.
    expect(
      opening({ starts: [], open }, [
        ['t2', ended()],
        ['t3', running()],
      ]),
    ).toBe(at(106));
  });

  it('does not open before those that were let go have started', () => {
    const open = ['t2', 't3'];
    expect(
      opening({ starts: [], open }, [
        ['t2', granted().state],
        ['t3', granted().state],
      ]),
    ).toBe(UNSTARTED);
    expect(opening({ starts: [], open: ['t1', 't2'] }, [['t2', granted().state]])).toBeNull();
  });
});
