import pg from 'pg';

const { builtins } = pg.types;

const isoTime = (text: string): string => (timeParser(text) as Date).toISOString();
const timeParser = pg.types.getTypeParser(builtins.TIMESTAMPTZ) as (text: string) => unknown;
const raw = (text: string): string => text;

const parsers: Partial<Record<number, (text: string) => unknown>> = {
  // Sequences, milliseconds and counts stay below 2^53.
  [builtins.INT8]: Number,
  [builtins.TIMESTAMPTZ]: isoTime,
  // SQL's NULL and JSON's null are two things: the mapping of rows parses.
  [builtins.JSON]: raw,
};

/** How values of Postgres become values of ours: numbers, ISO times, JSON as text. */
export const valueTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => {
    const own = format === 'binary' ? undefined : parsers[oid];
    return own ?? (pg.types.getTypeParser(oid, format) as (text: string) => unknown);
  },
};
