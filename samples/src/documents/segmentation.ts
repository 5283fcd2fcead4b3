// Unicode's own rules, with dictionaries for scripts that write no spaces. The locale is fixed so that every worker counts alike; it has
// next to no influence on where words and sentences end.
const LOCALE = 'en';
const WORDS = new Intl.Segmenter(LOCALE, { granularity: 'word' });
const SENTENCES = new Intl.Segmenter(LOCALE, { granularity: 'sentence' });
const GRAPHEMES = new Intl.Segmenter(LOCALE, { granularity: 'grapheme' });

/** V8 needs time for each segment that grows with the length of the whole text, so long ones are cut first. */
const PIECE_LENGTH = 1000;
const SENTENCE_PIECE_LENGTH = 8000;

const ASCII = /^[\0-\x7f]*$/;

/** The words of a text, in order and without punctuation. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const piece of pieces(text, PIECE_LENGTH)) {
    for (const { segment, isWordLike } of WORDS.segment(piece)) if (isWordLike) words.push(segment);
  }
  return words;
}

/** The sentences of a paragraph. Where its lines are broken does not matter. */
export function* sentencesOf(paragraph: string): Generator<string, void, undefined> {
  for (const piece of pieces(paragraph.replace(/\s+/g, ' '), SENTENCE_PIECE_LENGTH)) {
    for (const { segment } of SENTENCES.segment(piece)) yield segment;
  }
}

/** Characters as a reader counts them: a letter with its accents, or an emoji of many code points, is one. */
export function characterCount(text: string): number {
  if (ASCII.test(text)) return text.length;
  let count = 0;
  for (const piece of pieces(text, PIECE_LENGTH)) {
    if (ASCII.test(piece)) count += piece.length;
    else for (const _ of GRAPHEMES.segment(piece)) count++;
  }
  return count;
}

/** Spellings that mean the same word: without capitals, and with one form for each character. */
export const termOf = (word: string): string => word.normalize('NFKC').toLowerCase();

/** Cuts at white space where there is any, else never inside a surrogate pair. */
function* pieces(text: string, length: number): Generator<string, void, undefined> {
  let start = 0;
  while (text.length - start > length) {
    const limit = start + length;
    let end = limit;
    while (end > start && !/\s/.test(text.charAt(end))) end--;
    if (end === start) end = /[\uDC00-\uDFFF]/.test(text.charAt(limit)) ? limit - 1 : limit;
    yield text.slice(start, end);
    start = end;
  }
  yield text.slice(start);
}
