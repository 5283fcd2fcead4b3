import { describe, expect, it } from '@jest/globals';
import { Turn } from '../event-loop/turn.js';
import { analyseDocument } from './analyse-document.js';

const analyse = (path: string, text: string) =>
  analyseDocument({ path, text, bytes: Buffer.byteLength(text) }, new Turn(new AbortController().signal));

describe('the analysis of a document', () => {
  it('counts prose, and code only where it takes up room', async () => {
    const text = '# The title\n\nTwo words. Two more words!\n\n```js\nignored();\n```\n';
    const { analysis, terms } = await analyse('a.md', text);
    expect(analysis).toEqual({
      title: 'The title',
      headings: [{ level: 1, text: 'The title' }],
      statistics: {
        bytes: text.length,
        characters: text.length,
        lines: 7,
        paragraphs: 1,
        sentences: 3,
        words: 7,
        unique_words: 5,
        average_word_length: 4,
        average_sentence_length: 2.33,
        reading_seconds: 2,
      },
    });
    expect(terms.all).toEqual(['the', 'title', 'two', 'words', 'two', 'more', 'words']);
    expect(terms.fields).toEqual({
      headings: ['the', 'title'],
      text: ['two', 'words', 'two', 'more', 'words'],
      code: ['ignored'],
    });
  });

  it('gives a plain text no headings, and its path as title', async () => {
    const { analysis } = await analyse('a.txt', '# one\r\n\nдва');
    expect(analysis).toMatchObject({ title: 'a.txt', headings: [], statistics: { words: 2, paragraphs: 2 } });
  });

  it('takes the first of the highest headings for the title', async () => {
    expect((await analyse('a.md', '## b\n\n# a\n\n# c\n')).analysis.title).toBe('a');
  });

  it('makes all numbers of an empty document 0', async () => {
    const { analysis } = await analyse('a.md', '');
    expect(new Set(Object.values(analysis.statistics))).toEqual(new Set([0]));
  });
});
