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
}

/** A number that is too large for JSON, and so for Postgres, becomes null. */
const asStored = (json: string | undefined): string => JSON.stringify(JSON.parse(json ?? 'null'));

export type Bind = (value: unknown) => string;

/** Asks how far the index is; undefined when nothing is searched for. */
export async function prepareSearch(
  database: Database,
  { q, parameters, result }: SearchFilter,
): Promise<TaskSearch | undefined> {
  if ([q, parameters, result].every((part) => part === undefined)) return undefined;
  const terms = termsOf(q ?? '');
  const [row] = await database.rows<{ sequence: number; words: string | null }>(
    `SELECT sequence, (${QUERY_OF_TERMS}) AS words FROM task_search_progress`,
    [terms],
  );
  const parts = Object.entries({ parameters, result }).filter(([, json]) => json !== undefined);
  return {
    indexedUpTo: row?.sequence ?? 0,
    terms,
    words: row?.words ?? null,
    content:
      parts.length === 0
        ? undefined
        : `{${parts.map(([name, json]) => `"${name}":${asStored(json)}`).join(',')}}`,
  };
}

/** Whether the index can be of use. */
export const isIndexed = ({ words, content }: TaskSearch): boolean => words !== null || content !== undefined;

/** What must hold in the index. */
export function matchConditions({ words, content }: TaskSearch, bind: Bind): string[] {
  const conditions: string[] = [];
  if (words !== null) conditions.push(`words @@ ${bind(words)}::tsquery`);
  if (content !== undefined) conditions.push(`content @> ${bind(content)}::jsonb`);
  return conditions;
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
