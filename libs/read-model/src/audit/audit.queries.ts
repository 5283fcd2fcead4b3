import type { Database } from '../database/database.js';
import { BadCursorError } from '../tasks/task-list.js';
import type { AuditCommandRow } from './audit-command.entity.js';

/** What a list of commands is narrowed to; every part that is given must hold. */
export interface AuditFilter {
  /** `api:<name of the key>` */
  actor?: string | undefined;
  /** The operationId of the API. */
  operation?: string | undefined;
  /** By the status of the answer. */
  outcome?: 'accepted' | 'refused' | undefined;
  /** Code of the problem it was refused with. */
  code?: string | undefined;
  /** Id of a task, name of a queue and so on. */
  target?: string | undefined;
  /** From this time on, inclusive. */
  since?: string | undefined;
  /** Up to this time, exclusive. */
  until?: string | undefined;
}

export interface AuditListOptions extends AuditFilter {
  limit: number;
  /** Where the last page ended. */
  cursor?: string | undefined;
}

export interface AuditPage {
  items: AuditCommandRow[];
  /** Null after the last page. */
  next_cursor: string | null;
}

const COLUMNS =
  'sequence, place, at, actor, role, address, method, operation, target_type, target, status, code, correlation_id';

/** Reads who commanded what. */
export class AuditQueries {
  constructor(private readonly database: Database) {}

  /**
   * Commands, newest first.
   *
   * @throws BadCursorError when the cursor is none of ours
   */
  async list(options: AuditListOptions): Promise<AuditPage> {
    const values: unknown[] = [];
    const conditions = conditionsOf(options, (value) => `$${values.push(value)}`);
    const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
    const rows = await this.database.rows<AuditCommandRow>(
      `SELECT ${COLUMNS} FROM audit_commands ${where}
       ORDER BY at DESC, sequence DESC, place DESC LIMIT $${values.push(options.limit + 1)}`,
      values,
    );
    const items = rows.slice(0, options.limit);
    const last = items.at(-1);
    return { items, next_cursor: last && rows.length > items.length ? cursorAfter(last) : null };
  }

  /** The commands of the notes from one sequence to another, both inclusive, in order. */
  range(from: number, to: number): Promise<AuditCommandRow[]> {
    return this.database.rows(
      `SELECT ${COLUMNS} FROM audit_commands WHERE sequence BETWEEN $1 AND $2 ORDER BY sequence, place`,
      [from, to],
    );
  }
}

function conditionsOf(options: AuditListOptions, bind: (value: unknown) => string): string[] {
  const conditions: string[] = [];
  const add = (value: unknown, condition: (parameter: string) => string): void => {
    if (value !== undefined) conditions.push(condition(bind(value)));
  };
  add(options.actor, (actor) => `actor = ${actor}`);
  add(options.operation, (operation) => `operation = ${operation}`);
  add(options.code, (code) => `code = ${code}`);
  add(options.target, (target) => `target = ${target}`);
  add(options.since, (time) => `at >= ${time}::timestamptz`);
  add(options.until, (time) => `at < ${time}::timestamptz`);
  if (options.outcome !== undefined)
    conditions.push(options.outcome === 'refused' ? 'status >= 400' : 'status < 400');
  if (options.cursor !== undefined) {
    const [at, sequence, place] = positionIn(options.cursor).map(bind);
    conditions.push(`(at, sequence, place) < (${at}::timestamptz, ${sequence}::bigint, ${place}::integer)`);
  }
  return conditions;
}

const cursorAfter = ({ at, sequence, place }: AuditCommandRow): string =>
  Buffer.from(JSON.stringify([at, sequence, place])).toString('base64url');

function positionIn(cursor: string): unknown[] {
  let position: unknown;
  try {
    position = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    throw new BadCursorError();
  }
  if (!Array.isArray(position)) throw new BadCursorError();
  const [at, ...numbers] = position as unknown[];
  const isOurs =
    typeof at === 'string' &&
    !Number.isNaN(Date.parse(at)) &&
    numbers.length === 2 &&
    numbers.every(Number.isSafeInteger);
  if (!isOurs) throw new BadCursorError();
  return position;
}
