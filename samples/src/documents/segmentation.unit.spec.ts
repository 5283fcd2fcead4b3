import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { characterCount, sentencesOf, termOf, wordsOf } from './segmentation.js';

describe('words', () => {
  it('are found in every script', () => {
    expect(wordsOf('Don’t panic: 3.14!')).toEqual(['Don’t', 'panic', '3.14']);
    expect(wordsOf('Привет, мир')).toEqual(['Привет', 'мир']);
    expect(wordsOf('これは文章です。')).toContain('文章');
    expect(wordsOf('ภาษาไทยง่าย')).toEqual(['ภาษา', 'ไทย', 'ง่าย']);
    expect(wordsOf('שלום עולם')).toHaveLength(2);
  });

  it('stay whole in texts that are cut for speed', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { maxLength: 800 }), (words) => {
        expect(wordsOf(words.join(' '))).toEqual(words);
      }),
      { numRuns: 20 },
    );
  });

  it('are one term in all their spellings', () => {
    expect(new Set(['STRASSE', 'Strasse', 'ｓｔｒａｓｓｅ'].map(termOf))).toEqual(new Set(['strasse']));
    expect(termOf('caf\u00e9')).toBe(termOf('Cafe\u0301'));
  });
});

describe('sentences', () => {
  it('do not end where a line is broken', () => {
    expect([...sentencesOf('One goes\non here. Two?\nThree!')]).toHaveLength(3);
  });

  it('are found in scripts without spaces', () => {
    expect([...sentencesOf('これは文です。次の文。')]).toHaveLength(2);
  });
});

describe('characters', () => {
  it('are counted as a reader sees them', () => {
    expect(characterCount('abc')).toBe(3);
    expect(characterCount('e\u0301a')).toBe(2);
    expect(characterCount('👩‍👩‍👧🇩🇪')).toBe(2);
  });

  it('are as many in a long text as in its parts', () => {
    expect(characterCount('äöü😀'.repeat(1000))).toBe(4000);
  });

  it('never exceed the code points', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
        expect(characterCount(text)).toBeLessThanOrEqual(Array.from(text).length);
      }),
    );
  });
});
