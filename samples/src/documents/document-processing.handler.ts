import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { TaskHandler, UnrecoverableError } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';
import { z } from 'zod';
import type { SamplesConfig } from '../config.js';
import { Turn } from '../event-loop/turn.js';
import { SAMPLES_CONFIG } from '../samples.constants.js';
import { analyseDocument } from './analyse-document.js';
import type { Analysis } from './analyse-document.js';
import { findDocuments } from './find-documents.js';
import { Vocabulary } from './keywords.js';
import { readText } from './read-text.js';
import { boundedLists, reportOf, shorten } from './report.js';
import type { DocumentReport, SkippedDocument } from './report.js';
import { SearchIndex } from './search-index.js';

const DocumentParams = z.strictObject({
  paths: z
    .array(z.string().min(1).max(500))
    .min(1)
    .max(100)
    .describe(
      'Globs of text and Markdown files, relative to the documents folder; a folder means all in it, ! leaves out',
    ),
});
type DocumentParams = z.output<typeof DocumentParams>;

const INDEX_FILE = 'search-index.json';
const KEYWORDS_PER_DOCUMENT = 8;
const KEYWORDS_OF_ALL = 25;
/** All documents of a task together: writing their index holds the event loop for about 100 ms per MiB. */
const MAX_TOTAL_BYTES = 4 * 1024 * 1024;

/** Reads documents: statistics, headings and keywords of each, and a search index over all as a file. */
@Injectable()
export class DocumentProcessingHandler {
  constructor(@Inject(SAMPLES_CONFIG) private readonly config: SamplesConfig) {}

  @TaskHandler({
    name: 'document_processing',
    queue: 'document_processing',
    params: DocumentParams,
    description: 'Statistics, headings, keywords and a search index of text and Markdown documents.',
  })
  async process({ params, taskId, fencingToken, signal, log, progress }: TaskContext<DocumentParams>) {
    const found = await findDocuments(this.config.documentsRoot, params.paths);
    const total = found.length;
    const turn = new Turn(signal);
    const vocabulary = new Vocabulary();
    const index = SearchIndex.empty();
    const read: ReadDocument[] = [];
    const skipped: SkippedDocument[] = [];
    let bytes = 0;

    for (const [at, { path, file }] of found.entries()) {
      signal.throwIfAborted();
      const content = await readText(file);
      if ('skipped' in content) {
        skipped.push({ path, reason: content.skipped });
        log.debug({ path, reason: content.skipped }, 'Document skipped');
      } else {
        bytes += content.bytes;
        if (bytes > MAX_TOTAL_BYTES) throw tooMuch(params.paths);
        const { analysis, terms } = await analyseDocument({ path, ...content }, turn);
        index.add(path, analysis.title, terms.fields);
        read.push({ path, analysis, counts: vocabulary.add(terms.all) });
      }
      progress({ current: at + 1, total, percent: ((at + 1) / total) * 100, step: path });
    }

    const documents: DocumentReport[] = [];
    for (const { path, analysis, counts } of read) {
      documents.push(reportOf(path, analysis, vocabulary.keywordsOf(counts, KEYWORDS_PER_DOCUMENT)));
      await turn.pass();
    }
    const file = join(this.config.resultsDir, taskId, INDEX_FILE);
    await index.save(file, fencingToken);
    return {
      ...boundedLists(documents, skipped),
      totals: totalsOf(documents, skipped, vocabulary),
      keywords: vocabulary
        .keywords(KEYWORDS_OF_ALL)
        .map(({ word, count }) => ({ word: shorten(word), count })),
      index: { file, documents: index.documents, terms: index.terms },
    };
  }
}

interface ReadDocument {
  path: string;
  analysis: Analysis;
  counts: ReadonlyMap<string, number>;
}

function totalsOf(documents: DocumentReport[], skipped: SkippedDocument[], vocabulary: Vocabulary) {
  const sum = (of: (document: DocumentReport) => number) =>
    documents.reduce((total, document) => total + of(document), 0);
  return {
    documents: documents.length,
    skipped: skipped.length,
    bytes: sum((document) => document.bytes),
    characters: sum((document) => document.characters),
    lines: sum((document) => document.lines),
    paragraphs: sum((document) => document.paragraphs),
    sentences: sum((document) => document.sentences),
    words: sum((document) => document.words),
    unique_words: vocabulary.size,
    headings: sum((document) => document.heading_count),
    reading_seconds: sum((document) => document.reading_seconds),
  };
}

const tooMuch = (globs: string[]): UnrecoverableError =>
  new UnrecoverableError(
    `The documents that match ${globs.join(', ')} have more than ${MAX_TOTAL_BYTES} bytes together: narrow the globs.`,
  );
