import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import MiniSearch from 'minisearch';
import type { Options } from 'minisearch';
import type { Terms } from './analyse-document.js';
import { termOf, wordsOf } from './segmentation.js';

interface Entry {
  path: string;
  title: string;
  headings: string;
  text: string;
  code: string;
}

/** Between the terms of a field: they are cut out of the text once, by the analysis. */
const SEPARATOR = '\n';

const OPTIONS: Options<Entry> = {
  idField: 'path',
  fields: ['headings', 'text', 'code'],
  storeFields: ['title'],
  tokenize: (terms) => (terms === '' ? [] : terms.split(SEPARATOR)),
  processTerm: (term) => term,
  searchOptions: { tokenize: (query) => wordsOf(query).map(termOf), boost: { headings: 3 }, prefix: true },
};

/** A full-text index over the headings, the prose and the code of documents. */
export class SearchIndex {
  private constructor(private readonly index: MiniSearch<Entry>) {}

  static empty(): SearchIndex {
    return new SearchIndex(new MiniSearch(OPTIONS));
  }

  /** Opens what `save` wrote. */
  static parse(json: string): SearchIndex {
    return new SearchIndex(MiniSearch.loadJSON(json, OPTIONS));
  }

  get documents(): number {
    return this.index.documentCount;
  }

  get terms(): number {
    return this.index.termCount;
  }

  add(path: string, title: string, fields: Terms['fields']): void {
    this.index.add({
      path,
      title,
      headings: fields.headings.join(SEPARATOR),
      text: fields.text.join(SEPARATOR),
      code: fields.code.join(SEPARATOR),
    });
  }

  /** The documents that hold words of the query, best first. */
  search(query: string): { path: string; title: string }[] {
    return this.index.search(query).map((hit) => ({ path: hit.id as string, title: hit.title as string }));
  }

  /**
   * Writes the file whole or not at all. The same documents give the same bytes, so a repeated attempt changes nothing.
   *
   * @param attempt sets apart what two attempts write at the same time
   */
  async save(file: string, attempt: number): Promise<void> {
    const temporary = `${file}.${attempt}.tmp`;
    await mkdir(dirname(file), { recursive: true });
    try {
      await writeFile(temporary, JSON.stringify(this.index));
      await rename(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}
