import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CHAIN_START, canonicalJson, chainEndOf, sealed, verifyChain } from './chain.js';
import type { ChainEnd } from './chain.js';

interface Note {
  sequence: number;
  payload: string;
}

/** A chain on a stream that has other notes between. */
function chainOf(bodies: readonly object[], sequences = bodies.map((_, index) => 3 * index + 1)): Note[] {
  let end: ChainEnd = CHAIN_START;
  return bodies.map((body, index) => {
    const note = { sequence: sequences[index] ?? 0, payload: sealed(body, end).payload };
    end = chainEndOf(note);
    return note;
  });
}

const BODIES = [
  { who: 'a' },
  { who: 'b', entries: [{ y: 1, x: { b: 1, a: 2 } }] },
  { who: 'c' },
  { who: 'd' },
];
const chain = chainOf(BODIES);

const changed = (at: number, change: (payload: string) => string): Note[] =>
  chain.map((note, index) => (index === at ? { ...note, payload: change(note.payload) } : note));

describe('canonical JSON', () => {
  it('is the same text for the same value, whatever the order of its keys', () => {
    expect(canonicalJson({ b: [{ d: 1, c: null }], a: 'x' })).toBe('{"a":"x","b":[{"c":null,"d":1}]}');
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const again: unknown = JSON.parse(canonicalJson(value));
        expect(canonicalJson(again)).toBe(canonicalJson(value));
      }),
    );
  });
});

describe('a chain of notes', () => {
  it('holds from its first note on, and from any other whose link is taken as it is', () => {
    expect(verifyChain(chain)).toEqual({ checked: 4, end: chainEndOf(chain[3]!), fault: undefined });
    expect(verifyChain(chain.slice(2))).toMatchObject({ checked: 2, fault: undefined });
    expect(verifyChain(chain.slice(2), chainEndOf(chain[1]!))).toMatchObject({
      checked: 2,
      fault: undefined,
    });
    expect(verifyChain([])).toEqual({ checked: 0, end: undefined, fault: undefined });
  });

  it('holds when a note was written again with its keys in another order', () => {
    const turned = changed(1, (payload) =>
      JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(payload) as object).reverse())),
    );
    expect(verifyChain(turned).fault).toBeUndefined();
  });

  it('breaks where a note was changed', () => {
    const { checked, fault } = verifyChain(changed(1, (payload) => payload.replace('"b"', '"z"')));
    expect(checked).toBe(1);
    expect(fault).toEqual({ sequence: 4, reason: expect.stringContaining('it was changed') });
  });

  it('breaks after a note that was changed and given a hash that fits', () => {
    const forged = chainOf([BODIES[0]!, { who: 'z' }]);
    expect(verifyChain([forged[0]!, forged[1]!, ...chain.slice(2)]).fault).toEqual({
      sequence: 7,
      reason: expect.stringContaining('was replaced'),
    });
  });

  it('breaks where a note is missing, was added or is none', () => {
    expect(verifyChain(chain.filter((_, index) => index !== 1)).fault).toMatchObject({
      sequence: 7,
      reason: expect.stringContaining('missing'),
    });
    const added = { sequence: 5, payload: sealed({}, chainEndOf(chain[1]!)).payload };
    expect(verifyChain([...chain.slice(0, 2), added, ...chain.slice(2)]).fault).toMatchObject({
      sequence: 7,
    });
    for (const payload of ['hello', '{}', '[]'])
      expect(verifyChain(changed(0, () => payload)).fault).toMatchObject({
        sequence: 1,
        reason: expect.stringContaining('no note'),
      });
  });

  it('has no other first note than the one that names none', () => {
    expect(verifyChain(chain.slice(1), CHAIN_START).fault).toMatchObject({ sequence: 4 });
  });

  it('breaks wherever any one character of it is changed', () => {
    fc.assert(
      fc.property(fc.nat(chain.length - 1), fc.nat(), (at, place) => {
        const turned = changed(at, (payload) => {
          const index = place % payload.length;
          return payload.slice(0, index) + (payload[index] === '7' ? '8' : '7') + payload.slice(index + 1);
        });
        expect(verifyChain(turned).fault).toBeDefined();
      }),
    );
  });
});
