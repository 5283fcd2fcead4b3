import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import type { Fact, TaskSpec } from '@millrace/domain';
import { Model } from './model.js';
import { doubleEffects } from './replay.js';
import type { Plan, Step, Wish } from './steps.js';

const AT = '2026-01-01T00:00:00.000Z';
const plan: Plan = { ms: 0, fails: 0, isFatal: false, retry: DEFAULT_RETRY_POLICY };

/** A model that knows the tasks a to e, and what is played to it, numbered as it comes. */
function game() {
  const plans = new Map(['a', 'b', 'c', 'd', 'e'].map((id) => [id, plan]));
  const model = new Model(plans);
  const steps: Step[] = [];
  const play = (step: Step): void => {
    steps.push(step);
    model.play(step);
  };
  const next = (): number => steps.length + 1;
  const wish = (id: string, asked: Wish): void => {
    play({ sequence: next(), id, by: 'wish', wish: asked, now: 0 });
  };
  const worked = (id: string, kind: string, data: object): number => {
    const sequence = next();
    const fact = { kind, data, queue: 'q', task_id: id, sequence, at: AT } as unknown as Fact;
    play({ sequence, id, by: 'worker', fact });
    return sequence;
  };
  return {
    model,
    steps,
    play,
    wish,
    submit: (id: string, priority = 5) => {
      wish(id, { type: 'submit', spec: { priority } as TaskSpec, parameters: {} });
    },
    start: (id: string, attempt = 1, worker = 'w1') => worked(id, 'started', { worker, attempt }),
    succeed: (id: string) => worked(id, 'succeeded', {}),
    /** The scheduler gives it a new ticket in front. */
    reissue: (id: string) => worked(id, 'front', {}),
    reorder: (id: string, position: number) => {
      play({ sequence: next(), id, by: 'reorder', position });
    },
    reordered: () => {
      play({ sequence: next(), by: 'reordered' });
    },
  };
}

describe('the model of a line', () => {
  it('finds nothing wrong with starts in its order: front, then priority, then who came first', () => {
    const { model, submit, wish, start, succeed } = game();
    for (const id of ['a', 'b', 'c']) submit(id);
    submit('d', 9);
    wish('c', { type: 'move-to-front' });
    wish('a', { type: 'move-to-back' });
    for (const id of ['c', 'd', 'b', 'a']) {
      start(id);
      succeed(id);
    }
    expect(model.outOfPlace).toEqual([0, 0, 0, 0]);
    expect(model.ends).toEqual({ succeeded: 4, failed: 0, cancelled: 0 });
    expect(model.faults).toEqual([]);
  });

  it('counts who was passed by, but not who came when the next one may already have been asked for', () => {
    const { model, submit, start, succeed } = game();
    for (const id of ['a', 'b', 'c', 'd']) submit(id);
    start('c');
    succeed('c');
    submit('e', 9);
    start('d');
    expect(model.outOfPlace).toEqual([2, 2]);
    expect(model.outOfPlaceAtLast).toEqual([2, 3]);
  });

  it('sees a task that starts twice, one that comes to another end, and one that has none', () => {
    const { model, submit, wish, start, succeed } = game();
    for (const id of ['a', 'b', 'c']) submit(id);
    start('a');
    start('a', 2);
    wish('b', { type: 'cancel' });
    succeed('b');
    expect(model.faults).toEqual([
      expect.stringContaining('a started while it was in work'),
      expect.stringContaining('b is succeeded without an attempt'),
    ]);
    expect(model.open).toEqual(['a', 'c']);
  });

  it('lets the attempt of a dead worker be taken over', () => {
    const { model, play, submit, start, succeed } = game();
    submit('a');
    const sequence = start('a');
    play({ sequence, by: 'death', worker: 'w1' });
    start('a', 2, 'w2');
    succeed('a');
    expect(model.takeOvers).toBe(1);
    expect(model.faults).toEqual([]);
  });

  it('finds a task that was moved where it was asked to be, with those that got new tickets for it', () => {
    const { model, submit, reorder, reissue, reordered } = game();
    for (const id of ['a', 'b', 'c', 'd']) submit(id);
    reorder('d', 1);
    for (const id of ['a', 'd']) reissue(id);
    reordered();
    reorder('c', 0);
    for (const id of ['c', 'a', 'd']) reissue(id);
    reordered();
    expect(model.besidePosition).toEqual([0, 0]);
    expect(model.faults).toEqual([]);
  });

  it('sees who came to stand beside a position, unless others came or went meanwhile, and who was moved unasked', () => {
    const { model, submit, start, reorder, reissue, reordered } = game();
    for (const id of ['a', 'b', 'c', 'd']) submit(id);
    reorder('d', 2);
    start('a');
    for (const id of ['b', 'd']) reissue(id);
    reordered();
    reorder('d', 2);
    reissue('d');
    reordered();
    reissue('c');
    expect(model.besidePosition).toEqual([1, 1]);
    expect(model.faults).toEqual([
      expect.stringContaining('d came to stand 1 beside its position'),
      expect.stringContaining('c was moved by the scheduler'),
    ]);
  });
});

describe('the effects of a game', () => {
  it('are one for each start, but for those of a worker that died', () => {
    const { steps, submit, start } = game();
    for (const id of ['a', 'b', 'c']) submit(id);
    const a = start('a');
    start('b');
    start('c', 1, 'w2');
    const ran = { id: 'a', attempt: 1, token: a };
    expect(doubleEffects([ran, ran], steps, (worker) => worker === 'w2')).toEqual([
      'a ran attempt 1 twice',
      'b never ran its attempt 1',
    ]);
    expect(doubleEffects([{ id: 'c', attempt: 1, token: a }], [], () => true)).toEqual([
      `c ran attempt 1 without a start at ${a}`,
    ]);
  });
});
