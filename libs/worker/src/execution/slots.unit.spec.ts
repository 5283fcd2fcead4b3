import { describe, expect, it } from '@jest/globals';
import type { Lane } from '@millrace/domain';
import type { Ticket } from '@millrace/log';
import { createLogger } from '@millrace/runtime';
import type { Holding } from './attempt.js';
import { Slots } from './slots.js';

const ticketOf = (sequence: number, lane: Lane = 'p5'): Ticket => ({
  queue: 'video',
  lane,
  task_id: `t${sequence}`,
  sequence,
  due: false,
  payload: '',
  ack: () => undefined,
  nak: () => undefined,
  extend: () => undefined,
});

/** Slots whose handling ends when it is told to. */
function openSlots({ count = 1, prefetch = 0 } = {}) {
  const inHand: { holding: Holding; end: () => void }[] = [];
  const slots = new Slots({
    count,
    prefetch,
    tickets: {
      handle: (holding) =>
        new Promise((end) => {
          inHand.push({ holding, end });
        }),
    },
    isStopping: () => false,
    onFree: () => undefined,
    logger: createLogger({ app: 'test', level: 'fatal', format: 'json' }),
  });
  return { slots, inHand };
}

describe('the slots of a worker', () => {
  it('take what fits, and hold what was fetched beyond it', () => {
    const { slots, inHand } = openSlots({ count: 1, prefetch: 1 });
    expect(slots.free).toBe(2);
    slots.receive(ticketOf(1));
    slots.receive(ticketOf(2));
    expect([slots.free, inHand.length, slots.holdings.size]).toEqual([0, 1, 2]);
  });

  it('keep the newer handle of a ticket that comes again while it is in hand', () => {
    const { slots, inHand } = openSlots();
    const again = ticketOf(1);
    slots.receive(ticketOf(1));
    slots.receive(again);
    expect(inHand.map(({ holding }) => holding.ticket)).toEqual([again]);
  });

  it('keep the lease of a ticket that came back while a deaf handler still filled its first slot', async () => {
    const { slots, inHand } = openSlots({ count: 2 });
    slots.receive(ticketOf(1));
    const [deaf] = inHand;
    slots.letGo(deaf!.holding);
    slots.receive(ticketOf(1));
    deaf!.end();
    await new Promise(setImmediate);
    expect([...slots.holdings.values()]).toEqual([inHand[1]?.holding]);
    inHand[1]?.end();
    await slots.idle();
    expect(slots.holdings.size).toBe(0);
  });

  it('give a slot that becomes free to the most urgent ticket that is held', async () => {
    const { slots, inHand } = openSlots({ prefetch: 4 });
    for (const [i, lane] of (['p5', 'p2', 'p9', 'front', 'p9'] as const).entries())
      slots.receive(ticketOf(i + 1, lane));
    expect(slots.free).toBe(0);
    for (let n = 0; n < 5; n++) {
      inHand[n]?.end();
      await new Promise(setImmediate);
    }
    expect(inHand.map(({ holding }) => holding.ticket.sequence)).toEqual([1, 4, 3, 5, 2]);
  });
});
