import type { Database } from '../database/database.js';
import type { OpsEventRow } from './ops-event.entity.js';

/** What a list of notes is narrowed to; every part that is given must hold. */
export interface OpsFilter {
  noun?: string | undefined;
  verb?: string | undefined;
  actor?: string | undefined;
  /** From this time on, inclusive. */
  since?: string | undefined;
  /** Up to this time, exclusive. */
  until?: string | undefined;
}

export interface OpsListOptions extends OpsFilter {
  limit: number;
  /** Only notes before this sequence. */
  before?: number | undefined;
}

/** A note of the archive; its body is JSON as it was written. */
export type ArchivedNote = Pick<OpsEventRow, 'sequence' | 'noun' | 'verb' | 'at' | 'actor' | 'data'>;

const COLUMNS = 'sequence, noun, verb, at, actor, data';

/** Reads what operators and repairs did. */
export class OpsQueries {
  constructor(private readonly database: Database) {}

  /**
   * Notes, newest first. Without a noun the audit of commands is left out, which has {@link AuditQueries}. The next page is that before
   * the last sequence of this one.
   */
  async list({ limit, before, ...filter }: OpsListOptions): Promise<ArchivedNote[]> {
    const values: unknown[] = [];
    const conditions: string[] = [];
    const add = (value: unknown, condition: (parameter: string) => string): void => {
      if (value !== undefined) conditions.push(condition(`$${values.push(value)}`));
    };
    if (filter.noun === undefined) conditions.push(`noun <> 'audit'`);
    add(filter.noun, (noun) => `noun = ${noun}`);
    add(filter.verb, (verb) => `verb = ${verb}`);
    add(filter.actor, (actor) => `actor = ${actor}`);
    add(filter.since, (time) => `at >= ${time}::timestamptz`);
    add(filter.until, (time) => `at < ${time}::timestamptz`);
    add(before, (sequence) => `sequence < ${sequence}`);
    const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
    return this.database.rows(
      `SELECT ${COLUMNS} FROM ops_events ${where} ORDER BY sequence DESC LIMIT $${values.push(limit)}`,
      values,
    );
  }

  /** The notes from one sequence to another, both inclusive, in order. */
  range(from: number, to: number): Promise<ArchivedNote[]> {
    return this.database.rows(
      `SELECT ${COLUMNS} FROM ops_events WHERE sequence BETWEEN $1 AND $2 ORDER BY sequence`,
      [from, to],
    );
  }

  /** The last sequence of `OPS` that is in the tables; 0 before the first. */
  async sequence(): Promise<number> {
    const [row] = await this.database.rows<{ sequence: number }>(
      `SELECT sequence FROM projections WHERE name = 'ops'`,
    );
    return row?.sequence ?? 0;
  }
}
