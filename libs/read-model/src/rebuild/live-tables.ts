import type { Kind } from '@millrace/domain';
import type { Database } from '../database/database.js';

/** A fact as the archive keeps it, its data not parsed. */
export interface ArchivedBody {
  sequence: number;
  queue: string;
  task_id: string;
  kind: Kind;
  id: string;
  prev: number;
  at: string;
  actor: string;
  /** JSON: the body less its envelope. */
  data: string;
}

const COLUMNS = 'sequence, queue, task_id, kind, event_id AS id, prev, at, actor, data';

/** What a rebuild reads of the tables in use. By keys and not by a cursor: no snapshot is held for an hour. */
export class LiveTables {
  constructor(private readonly database: Database) {}

  /** The next facts after a sequence and below another, in order. */
  page(after: number, below: number, limit: number): Promise<ArchivedBody[]> {
    return this.database.rows(
      `SELECT ${COLUMNS} FROM task_events WHERE sequence > $1 AND sequence < $2 ORDER BY sequence LIMIT $3`,
      [after, below, limit],
    );
  }

  /** Where the tables in use are; undefined when nothing was ever projected. */
  async offset(): Promise<{ sequence: number; generation: number } | undefined> {
    const [row] = await this.database.rows<{ sequence: number; generation: number }>(
      `SELECT sequence, generation FROM projections WHERE name = 'tasks'`,
    );
    return row;
  }

  /** Facts below a sequence. */
  async count(below: number): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(
      'SELECT count(*) AS count FROM task_events WHERE sequence < $1',
      [below],
    );
    return row?.count ?? 0;
  }
}
