/** How long a text is, in every unit. Words, sentences and paragraphs are those of the prose: code and markup do not count. */
export interface TextStatistics {
  bytes: number;
  characters: number;
  lines: number;
  paragraphs: number;
  sentences: number;
  words: number;
  unique_words: number;
  /** In characters. */
  average_word_length: number;
  /** In words. */
  average_sentence_length: number;
  reading_seconds: number;
}

/** What is counted; the rest follows from it. */
export interface Counts {
  bytes: number;
  characters: number;
  lines: number;
  paragraphs: number;
  sentences: number;
  words: number;
  unique_words: number;
  word_characters: number;
}

/** Silent reading of English prose: Brysbaert, "How many words do we read per minute?", 2019. Other languages lie close. */
const WORDS_PER_MINUTE = 238;

export function statisticsOf({ word_characters, ...counts }: Counts): TextStatistics {
  return {
    ...counts,
    average_word_length: ratio(word_characters, counts.words),
    average_sentence_length: ratio(counts.words, counts.sentences),
    reading_seconds: Math.round((counts.words / WORDS_PER_MINUTE) * 60),
  };
}

/** Lines as an editor numbers them, except that a final line break opens none. */
export const lineCount = (text: string): number =>
  text === '' ? 0 : text.split('\n').length - (text.endsWith('\n') ? 1 : 0);

const ratio = (sum: number, count: number): number =>
  count === 0 ? 0 : Math.round((sum / count) * 100) / 100;
