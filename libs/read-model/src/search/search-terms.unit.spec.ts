import { describe, expect, it } from '@jest/globals';
import { isPlainWord, termsOf } from './search-terms.js';

describe('a search', () => {
  it.each([
    ['paris', ['paris']],
    ['  paris  render ', ['paris', 'render']],
    ['"no disk" node-7', ['no disk', 'node-7']],
    ['a"b c"d', ['a', 'b c', 'd']],
    ['"never closed', ['never closed']],
    ['"" " "', []],
    ['   ', []],
  ])('%s is for %j', (q, terms) => {
    expect(termsOf(q)).toEqual(terms);
  });

  it('is bounded', () => {
    expect(termsOf('word '.repeat(100))).toHaveLength(16);
  });

  it.each([
    ['paris', true],
    ['42', false],
    ['in.mp4', false],
    ['größe', false],
    ['x'.repeat(65), false],
  ])('for %s is answered by the index alone: %s', (term, expected) => {
    expect(isPlainWord(term)).toBe(expected);
  });
});
