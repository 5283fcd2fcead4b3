/** Classes of SQLSTATE that say nothing about the statement: connection, resources, an operator or a crash, the system. */
const AWAY_CLASSES: ReadonlySet<string> = new Set(['08', '53', '57', '58']);
/** The tables are not there yet: the projector has not migrated. */
const UNDEFINED_TABLE = '42P01';
const SYSTEM_CODE = /^E[A-Z]+$/;
/** What pg and its pool say without any code. */
const AWAY_MESSAGE =
  /connection terminated|timeout exceeded|query read timeout|client was closed|not queryable/i;

/**
 * Whether the error says that Postgres cannot answer now: away, starting, stopping, out of connections, too slow, or not migrated yet.
 * The same question may be asked again later.
 */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway);
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string') return AWAY_MESSAGE.test(error.message);
  return SYSTEM_CODE.test(code) || AWAY_CLASSES.has(code.slice(0, 2)) || code === UNDEFINED_TABLE;
}
