import type { Analysis, Heading } from './analyse-document.js';
import type { Keyword } from './keywords.js';
import type { TextStatistics } from './statistics.js';

/** One document in the result. */
export interface DocumentReport extends TextStatistics {
  path: string;
  title: string;
  keywords: string[];
  /** The first of them; `heading_count` says how many there are. */
  headings: Heading[];
  heading_count: number;
}

export interface SkippedDocument {
  path: string;
  reason: string;
}

/** Listed documents, at most; the totals, the keywords and the index cover all. */
const MAX_DOCUMENTS = 1000;
/** A result may have 512 KiB; what is left after the documents and the skipped ones holds everything else. */
const MAX_DOCUMENTS_BYTES = 352 * 1024;
const MAX_SKIPPED_BYTES = 64 * 1024;
const MAX_HEADINGS = 20;
const MAX_TEXT_LENGTH = 160;
const HALF_CHARACTER = /[\uD800-\uDBFF]$/;

export const reportOf = (path: string, analysis: Analysis, keywords: Keyword[]): DocumentReport => ({
  path,
  title: shorten(analysis.title),
  ...analysis.statistics,
  keywords: keywords.map(({ word }) => shorten(word)),
  headings: analysis.headings
    .slice(0, MAX_HEADINGS)
    .map(({ level, text }) => ({ level, text: shorten(text) })),
  heading_count: analysis.headings.length,
});

/** The lists of the result, cut so that it stays small enough to be stored; what was left out is counted. */
export function boundedLists(documents: DocumentReport[], skipped: SkippedDocument[]) {
  const listed = fitting(documents, MAX_DOCUMENTS_BYTES);
  const listedSkipped = fitting(skipped, MAX_SKIPPED_BYTES);
  return {
    documents: listed,
    documents_omitted: documents.length - listed.length,
    skipped: listedSkipped,
    skipped_omitted: skipped.length - listedSkipped.length,
  };
}

function fitting<Item>(items: Item[], maxBytes: number): Item[] {
  let bytes = 0;
  const end = items.findIndex((item) => (bytes += Buffer.byteLength(JSON.stringify(item)) + 1) > maxBytes);
  return items.slice(0, Math.min(end === -1 ? items.length : end, MAX_DOCUMENTS));
}

export const shorten = (text: string): string =>
  text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH - 1).replace(HALF_CHARACTER, '')}…` : text;
