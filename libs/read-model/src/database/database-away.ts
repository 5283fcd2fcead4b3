/** Classes of SQLSTATE that say nothing about the statement: connection, resources, an operator or a crash, the system. */
const AWAY_CLASSES: ReadonlySet<string> = new Set(['08', '53', '57', '58']);
/** The tables are not there yet: the projector has not migrated. */
const UNDEFINED_TABLE = '42P01';
/** Of the operating system. Node has codes of its own, `ERR_…`, for mistakes. */
const SYSTEM_CODE = /^E(?!RR_)[A-Z_]+$/;
/** What pg and its pool say without any code. */
const AWAY_MESSAGE =
  /connection terminated|timeout exceeded|query read timeout|client was closed|not queryable/i;

/**
 * Whether the error says that Postgres cannot answer now: away, starting, stopping, out of connections, too slow, or not migrated yet.
 * The same question may be asked again later.
 */
export function isDatabaseAway(error: unknown): boolean {
  // By its shape: an error of Node's own is no instance of the `Error` of a test's realm.
  const { code, message, errors } = (error ?? {}) as { code?: unknown; message?: unknown; errors?: unknown };
  if (typeof code !== 'string')
    return Array.isArray(errors)
      ? errors.some(isDatabaseAway)
      : typeof message === 'string' && AWAY_MESSAGE.test(message);
  return SYSTEM_CODE.test(code) || AWAY_CLASSES.has(code.slice(0, 2)) || code === UNDEFINED_TABLE;
}
