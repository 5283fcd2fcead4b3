import type { Database } from '../database/database.js';
import type { ArchivedBody } from '../rebuild/live-tables.js';
import { BLOCK_DIGESTS } from '../task-events/archive-digest.js';
import type { BlockDigest } from '../task-events/archive-digest.js';

/** Reads the archive of facts for whoever compares it with what was noted of it. */
export class ArchiveProofQueries {
  constructor(private readonly database: Database) {}

  /** What the archive holds from one sequence to another, both inclusive, by day and block. */
  digests(from: number, to: number): Promise<BlockDigest[]> {
    return this.database.rows(BLOCK_DIGESTS, [from, to]);
  }

  /** The facts from one sequence to another, both inclusive. */
  facts(from: number, to: number): Promise<ArchivedBody[]> {
    return this.database.rows(
      `SELECT sequence, queue, task_id, kind, event_id AS id, prev, at, actor, data
       FROM task_events WHERE sequence BETWEEN $1 AND $2 ORDER BY sequence`,
      [from, to],
    );
  }
}
