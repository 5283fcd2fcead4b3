import type { Turn } from '../event-loop/turn.js';
import { isMarkdown, markdownBlocks, textBlocks } from './blocks.js';
import { characterCount, sentencesOf, termOf, wordsOf } from './segmentation.js';
import { lineCount, statisticsOf } from './statistics.js';
import type { TextStatistics } from './statistics.js';

export interface Heading {
  level: number;
  text: string;
}

/** What is known of one document. */
export interface Analysis {
  /** The first heading of the highest level, else the path. */
  title: string;
  headings: Heading[];
  statistics: TextStatistics;
}

/** What is needed besides to compare the document with others; large, so not kept. */
export interface Terms {
  /** The terms of the prose, headings included, in order. */
  all: string[];
  /** The same, and those of the code, by where they stand: for the search index. */
  fields: { headings: string[]; text: string[]; code: string[] };
}

export async function analyseDocument(
  document: { path: string; text: string; bytes: number },
  turn: Turn,
): Promise<{ analysis: Analysis; terms: Terms }> {
  const { path, text, bytes } = document;
  const blocks = isMarkdown(path) ? markdownBlocks(text) : textBlocks(text);
  const headings: Heading[] = [];
  const all: string[] = [];
  const fields: Terms['fields'] = { headings: [], text: [], code: [] };
  let [paragraphs, sentences, wordCharacters] = [0, 0, 0];

  for (const block of blocks) {
    if (block.kind === 'code') {
      for (const line of block.text.split('\n'))
        for (const word of wordsOf(line)) fields.code.push(termOf(word));
      await turn.pass();
      continue;
    }
    if (block.kind === 'heading') headings.push({ level: block.level, text: block.text });
    else paragraphs++;
    const field = block.kind === 'heading' ? fields.headings : fields.text;
    for (const sentence of sentencesOf(block.text)) {
      const words = wordsOf(sentence);
      if (words.length > 0) sentences++;
      for (const word of words) {
        const term = termOf(word);
        all.push(term);
        field.push(term);
        wordCharacters += characterCount(word);
      }
      await turn.pass();
    }
  }

  const statistics = statisticsOf({
    bytes,
    characters: await charactersOf(text, turn),
    lines: lineCount(text),
    paragraphs,
    sentences,
    words: all.length,
    unique_words: new Set(all).size,
    word_characters: wordCharacters,
  });
  return { analysis: { title: titleOf(headings) ?? path, headings, statistics }, terms: { all, fields } };
}

function titleOf(headings: Heading[]): string | undefined {
  const highest = Math.min(...headings.map(({ level }) => level));
  return headings.find(({ level }) => level === highest)?.text;
}

async function charactersOf(text: string, turn: Turn): Promise<number> {
  const lines = text.split('\n');
  let count = lines.length - 1;
  for (const line of lines) {
    count += characterCount(line);
    await turn.pass();
  }
  return count;
}
