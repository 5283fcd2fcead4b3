import { describe, expect, it } from '@jest/globals';
import { boundedLists, reportOf, shorten } from './report.js';

const LIMIT_BYTES = 512 * 1024;

const report = (path: string, headings: number) =>
  reportOf(
    path,
    {
      title: path,
      headings: Array.from({ length: headings }, (_, at) => ({ level: 2, text: `${at} `.repeat(200) })),
      statistics: {
        bytes: 1,
        characters: 1,
        lines: 1,
        paragraphs: 1,
        sentences: 1,
        words: 1,
        unique_words: 1,
        average_word_length: 1,
        average_sentence_length: 1,
        reading_seconds: 1,
      },
    },
    [{ word: 'word', count: 1 }],
  );

describe('the lists of a result', () => {
  it('are whole while they are small', () => {
    const documents = [report('a', 2), report('b', 0)];
    expect(boundedLists(documents, [])).toEqual({
      documents,
      documents_omitted: 0,
      skipped: [],
      skipped_omitted: 0,
    });
  });

  it('stay below the size a result may have, and say what is missing', () => {
    const documents = Array.from({ length: 5000 }, (_, at) => report(`${at}-${'x'.repeat(300)}`, 40));
    const skipped = documents.map(({ path }) => ({ path, reason: 'binary' }));
    const lists = boundedLists(documents, skipped);
    expect(Buffer.byteLength(JSON.stringify(lists))).toBeLessThan(LIMIT_BYTES);
    expect(lists.documents.length + lists.documents_omitted).toBe(5000);
    expect(lists.skipped.length + lists.skipped_omitted).toBe(5000);
    expect(lists.documents[0]?.headings).toHaveLength(20);
    expect(lists.documents[0]?.heading_count).toBe(40);
  });

  it('name no more than 1000 documents', () => {
    const lists = boundedLists(
      Array.from({ length: 1001 }, (_, at) => report(String(at), 0)),
      [],
    );
    expect(lists.documents_omitted).toBe(1);
  });

  it('shorten texts without cutting a character in half', () => {
    expect(shorten(`${'x'.repeat(158)}😀😀`)).toBe(`${'x'.repeat(158)}…`);
  });
});
