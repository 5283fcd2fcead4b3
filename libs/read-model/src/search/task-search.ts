import type { Database } from '../database/database.js';
import { QUERY_OF_TERMS, SEARCHED_JSON, SEARCHED_TEXT, wordsOf } from './search-sql.js';
import { isPlainWord, termsOf } from './search-terms.js';

/** What tasks are searched for. */
export interface SearchFilter {
  /**
   * What parameters, result, error or tags have, in whatever case. All terms must be there: a word, or its first three letters or more; a
   * text of several words, joined or in double quotes, whole. The first 8,192 characters of each are searched.
   */
  q?: string | undefined;
  /** JSON that the parameters contain. */
  parameters?: string | undefined;
  /** JSON that the result contains. */
  result?: string | undefined;
}

/** A search that is ready to be put into a query. */
export interface TaskSearch {
  /** Tasks whose last fact is beyond this sequence are not in the index. */
  indexedUpTo: number;
  terms: string[];
  /** A `tsquery`; null when no term has a letter or digit. */
  words: string | null;
  /** A `jsonb` that is contained. */
  content: string | undefined;
  /** How many tasks the index is expected to find; for ever many where it is not kept up. */
  hits: number;
  /** Whether so many have the words, and so few the content, that the index had better not be asked for the words. */
  isByContent: boolean;
}

/** A number that is too large for JSON, and so for Postgres, becomes null. */
const asStored = (json: string | undefined): string => JSON.stringify(JSON.parse(json ?? 'null'));

export type Bind = (value: unknown) => string;

/** Facts that are not in the index, of a list that is told by it. */
const BEHIND_AT_MOST = 10_000;
/** A word of which only the beginning is known is looked up with all that begin so, however few tasks have the content. */
const FEWER_BY = 20;

interface Prepared {
  sequence: number;
  behind: number;
  words: string | null;
}

/** Asks how far the index is, and what it is expected to find; undefined when nothing is searched for. */
export async function prepareSearch(
  database: Database,
  { q, parameters, result }: SearchFilter,
): Promise<TaskSearch | undefined> {
  if ([q, parameters, result].every((part) => part === undefined)) return undefined;
  const terms = termsOf(q ?? '');
  const [row] = await database.rows<Prepared>(
    `SELECT progress.sequence, coalesce(tasks.sequence, 0) - progress.sequence AS behind, (${QUERY_OF_TERMS}) AS words
     FROM task_search_progress AS progress LEFT JOIN projections AS tasks ON name = 'tasks'`,
    [terms],
  );
  const { sequence, behind, words } = row ?? { sequence: 0, behind: 0, words: null };
  const parts = Object.entries({ parameters, result }).filter(([, json]) => json !== undefined);
  const content =
    parts.length === 0
      ? undefined
      : `{${parts.map(([name, json]) => `"${name}":${asStored(json)}`).join(',')}}`;
  const [withWords, withContent] = await Promise.all([
    words === null ? Infinity : expectedHits(database, MATCHES.words, words),
    content === undefined ? Infinity : expectedHits(database, MATCHES.content, content),
  ]);
  return {
    indexedUpTo: sequence,
    terms,
    words,
    content,
    hits: behind > BEHIND_AT_MOST ? Infinity : Math.min(withWords, withContent),
    isByContent: words !== null && withContent * FEWER_BY < withWords,
  };
}

const MATCHES = {
  words: (parameter: string) => `words @@ ${parameter}::tsquery`,
  content: (parameter: string) => `content @> ${parameter}::jsonb`,
};

/** By the statistics of Postgres: of the most frequent words, and of some hundred tasks' JSON. */
async function expectedHits(
  database: Database,
  matches: (parameter: string) => string,
  value: string,
): Promise<number> {
  // JSON comes as text.
  const [row] = await database.rows<{ 'QUERY PLAN': string }>(
    `EXPLAIN (FORMAT JSON) SELECT FROM task_search WHERE ${matches('$1')}`,
    [value],
  );
  const [{ Plan: plan }] = JSON.parse(row?.['QUERY PLAN'] ?? '') as [{ Plan: { 'Plan Rows': number } }];
  return plan['Plan Rows'];
}

/** Whether the index can be of use. */
export const isIndexed = ({ words, content }: TaskSearch): boolean => words !== null || content !== undefined;

/** What must hold in the index. */
export function matchConditions({ words, content }: TaskSearch, bind: Bind): string[] {
  const conditions: string[] = [];
  if (words !== null) conditions.push(MATCHES.words(bind(words)));
  if (content !== undefined) conditions.push(MATCHES.content(bind(content)));
  return conditions;
}

/** The same, to be looked up: what is not is hidden from the index. */
export function lookupConditions(search: TaskSearch, bind: Bind): string[] {
  if (!search.isByContent || search.words === null) return matchConditions(search, bind);
  return [
    `(${MATCHES.words(bind(search.words))}) IS TRUE`,
    ...matchConditions({ ...search, words: null }, bind),
  ];
}

/** What must hold besides of tasks that the index has found. */
export const textConditions = ({ terms }: TaskSearch, bind: Bind): string[] =>
  textsOf(
    terms.filter((term) => !isPlainWord(term)),
    bind,
  );

/** The same of tasks that are not there. The text is looked at first, which is the cheapest. */
export function walkedConditions({ words, content, terms }: TaskSearch, bind: Bind): string[] {
  const texts = textsOf(terms, bind);
  const conditions =
    words === null
      ? texts
      : [`CASE WHEN ${texts.join(' AND ')} THEN ${wordsOf(SEARCHED_TEXT)} @@ ${bind(words)}::tsquery END`];
  if (content !== undefined) conditions.push(`${SEARCHED_JSON} @> ${bind(content)}::jsonb`);
  return conditions;
}

const textsOf = (terms: string[], bind: Bind): string[] =>
  terms.map((term) => `${SEARCHED_TEXT} ILIKE ${bind(`%${escaped(term)}%`)}`);

/** A text in a pattern of LIKE. */
export const escaped = (text: string): string => text.replaceAll(/[\\%_]/g, '\\$&');
