export interface Keyword {
  word: string;
  count: number;
}

/** Words per passage: about a paragraph, the distance over which a topic holds. */
const PASSAGE_LENGTH = 60;

interface Term {
  count: number;
  /** Passages that have it. */
  passages: number;
  /** All passages of the documents that have it. */
  room: number;
}

/** A word in more than half of the passages of its documents is grammar, once there are enough of them to tell. */
const STOP_SHARE = 0.5;
const STOP_ROOM = 10;

/**
 * The vocabulary of all documents, and which of its words carry a topic. Stop words are learnt from the documents, so any language will do.
 *
 * A word weighs its count times its inverse document frequency over passages (TF-IDF) times the residual of that frequency (Church and Gale,
 * 1995): thrown about by chance, a word that occurs c times would fall into n(1 - e^(-c/n)) of n passages. Words without a topic do; those of
 * a topic come in clusters and fall into fewer. Passages instead of documents make it work for a single document too.
 */
export class Vocabulary {
  private readonly corpus = new Map<string, Term>();
  private passages = 0;

  get size(): number {
    return this.corpus.size;
  }

  /** Takes a document in and returns how often each of its terms occurs. Passages never span two documents. */
  add(terms: readonly string[]): ReadonlyMap<string, number> {
    const passagesBefore = this.passages;
    const counts = new Map<string, number>();
    for (let at = 0; at < terms.length; at += PASSAGE_LENGTH) {
      const passage = terms.slice(at, at + PASSAGE_LENGTH);
      this.passages++;
      for (const term of passage) counts.set(term, (counts.get(term) ?? 0) + 1);
      for (const term of new Set(passage)) this.termOf(term).passages++;
    }
    for (const [term, count] of counts) {
      const known = this.termOf(term);
      known.count += count;
      known.room += this.passages - passagesBefore;
    }
    return counts;
  }

  /** Keywords of one document that was added, best first. */
  keywordsOf(counts: ReadonlyMap<string, number>, limit: number): Keyword[] {
    return this.best(counts, limit);
  }

  /** Keywords of all documents together, best first. */
  keywords(limit: number): Keyword[] {
    return this.best(new Map(Array.from(this.corpus, ([term, { count }]) => [term, count])), limit);
  }

  private best(counts: ReadonlyMap<string, number>, limit: number): Keyword[] {
    return Array.from(counts, ([word, count]) => ({ word, count, weight: this.weight(word, count) }))
      .filter(({ word, weight }) => weight > 0 && isTopical(word))
      .sort((a, b) => b.weight - a.weight || (a.word < b.word ? -1 : 1))
      .slice(0, limit)
      .map(({ word, count }) => ({ word, count }));
  }

  private weight(word: string, count: number): number {
    const { count: all, passages, room } = this.termOf(word);
    if (room >= STOP_ROOM && passages > room * STOP_SHARE) return 0;
    const expected = this.passages * (1 - Math.exp(-all / this.passages));
    return count * Math.log2(this.passages / passages) * Math.log2(expected / passages);
  }

  private termOf(word: string): Term {
    let term = this.corpus.get(word);
    if (!term) this.corpus.set(word, (term = { count: 0, passages: 0, room: 0 }));
    return term;
  }
}

/** Numbers and single characters name no topic. */
const isTopical = (word: string): boolean => /\p{L}/u.test(word) && /^.{2,}$/su.test(word);
