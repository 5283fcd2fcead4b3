/** Characters of parameters, result and error that are searched, of each. */
export const SEARCHED_CHARACTERS = 8192;
/** JSON longer than this is not found by what it contains. */
export const SEARCHED_JSON_BYTES = 65_536;

const WORD_CHARACTERS = 64;
/** Shorter words are found whole only: too many begin with them. */
const PREFIX_CHARACTERS = 3;
/** Between words stands whatever is neither letter nor digit, and what JSON escapes. */
const SEPARATOR = String.raw`(\\u[0-9a-f]{4}|\\.|[^[:alnum:]])+`;

const cut = (column: string): string => `left(${column}::text, ${SEARCHED_CHARACTERS})`;

/** What of a task is searched. */
export const SEARCHED_TEXT = `concat_ws(' ', ${cut('parameters')}, ${cut('result')}, ${cut('error')}, array_to_string(tags, ' '))`;

/** The words of a text. */
export const wordsOf = (text: string): string =>
  `array_to_tsvector(ARRAY(
     SELECT left(word, ${WORD_CHARACTERS}) FROM regexp_split_to_table(lower(${text}), '${SEPARATOR}') AS word WHERE word <> ''
   ))`;

const jsonOf = (column: string): string =>
  `CASE WHEN octet_length(${column}::text) <= ${SEARCHED_JSON_BYTES} THEN searchable_json(${column}) END`;

/** What a task is found by when JSON is asked for. */
export const SEARCHED_JSON = `jsonb_build_object('parameters', ${jsonOf('parameters')}, 'result', ${jsonOf('result')})`;

/** Tells whether what is searched of a task has changed. */
export const DIGEST = `hashtextextended(concat_ws(chr(1), parameters::text, chr(2), result::text, chr(2), error::text, chr(2), array_to_string(tags, chr(3))), 0)`;

/**
 * The words of all terms of `$1` as a query. Of a term that is one word only the beginning must be there, if it is long enough. By
 * Postgres, which knows what a letter is where it stands.
 */
export const QUERY_OF_TERMS = `
  SELECT string_agg('''' || left(word, ${WORD_CHARACTERS}) || ''''
    || CASE WHEN words = 1 AND length(word) >= ${PREFIX_CHARACTERS} THEN ':*' ELSE '' END, ' & ')
  FROM (
    SELECT word, count(*) OVER (PARTITION BY term) AS words
    FROM unnest($1::text[]) WITH ORDINALITY AS terms (text, term)
    CROSS JOIN regexp_split_to_table(lower(text), '${SEPARATOR}') AS word
    WHERE word <> ''
  ) AS words`;
