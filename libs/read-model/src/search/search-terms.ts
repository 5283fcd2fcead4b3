/** Terms of a search at most; those beyond are left out. */
const TERMS_AT_MOST = 16;

/** What a search asks for: texts that all must be there. Split at white space; what stands in double quotes is one text. */
export function termsOf(q: string): string[] {
  return [...q.matchAll(/"([^"]+)"?|[^\s"]+/g)]
    .map(([whole, quoted]) => (quoted ?? whole).trim())
    .filter((term) => term !== '')
    .slice(0, TERMS_AT_MOST);
}

/** A term of which the index tells all: one plain word. */
export const isPlainWord = (term: string): boolean => /^[A-Za-z0-9]{3,64}$/.test(term);
