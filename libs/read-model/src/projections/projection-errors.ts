/** Somebody else has moved the offset, or Postgres has lost the last commits: what the writer knows is out of date. */
export class OffsetMovedError extends Error {
  override readonly name = 'OffsetMovedError';

  /** @param expected where the writer believed it to be */
  constructor(readonly expected: number) {
    super(`The offset of the projection is no longer ${expected}.`);
  }
}

/** Others have taken the place of the tables that were written to. */
export class TablesSwappedError extends Error {
  override readonly name = 'TablesSwappedError';

  constructor() {
    super('The tables were exchanged for others.');
  }
}

/** Classes of SQLSTATE that speak of the values: data exceptions, and limits of the program (a key or a nesting too long). */
const VALUE_CLASSES: ReadonlySet<string> = new Set(['22', '54']);

/** Whether the error lies in the values, so that no repetition helps. A RangeError comes from a time or number that has no place in a column. */
export function isUnstorable(error: unknown): boolean {
  const { name, code } = error as { name?: unknown; code?: unknown };
  if (name === 'RangeError') return true;
  return typeof code === 'string' && SQLSTATE.test(code) && VALUE_CLASSES.has(code.slice(0, 2));
}

const SQLSTATE = /^[0-9A-Z]{5}$/;
