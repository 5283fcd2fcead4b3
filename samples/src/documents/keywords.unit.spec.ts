import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Vocabulary } from './keywords.js';

/** Words without a topic everywhere, and one paragraph in ten about something. */
const document = (filler: string[], topic: string): string[] =>
  Array.from({ length: 600 }, (_, at) =>
    at < 60 && at % 10 === 0 ? topic : (filler[(at * 7) % filler.length] ?? ''),
  );

const words = (keywords: { word: string }[]) => keywords.map(({ word }) => word);

describe('keywords', () => {
  it('are the words that come in clusters, in any language', () => {
    const vocabulary = new Vocabulary();
    const english = vocabulary.add(document(['the', 'of', 'and'], 'turbine'));
    const russian = vocabulary.add(document(['и', 'в', 'не'], 'турбина'));
    expect(words(vocabulary.keywordsOf(english, 1))).toEqual(['turbine']);
    expect(words(vocabulary.keywordsOf(russian, 1))).toEqual(['турбина']);
    expect(words(vocabulary.keywords(2)).sort()).toEqual(['turbine', 'турбина']);
  });

  it('need no second document', () => {
    const vocabulary = new Vocabulary();
    const counts = vocabulary.add(document(['the', 'of', 'and'], 'turbine'));
    expect(words(vocabulary.keywordsOf(counts, 1))).toEqual(['turbine']);
  });

  it('are never numbers or single characters', () => {
    const vocabulary = new Vocabulary();
    const counts = vocabulary.add([...document(['the', 'of'], '2026'), ...document(['the', 'of'], 'x')]);
    expect(words(vocabulary.keywordsOf(counts, 10))).not.toEqual(expect.arrayContaining(['2026']));
    expect(words(vocabulary.keywordsOf(counts, 10))).not.toEqual(expect.arrayContaining(['x']));
  });

  it('come in one order, however often they are asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('ab', 'cd', 'ef', 'gh'), { maxLength: 300 }), (terms) => {
        const keywords = () => {
          const vocabulary = new Vocabulary();
          return vocabulary.keywordsOf(vocabulary.add(terms), 4);
        };
        expect(keywords()).toEqual(keywords());
      }),
    );
  });
});
