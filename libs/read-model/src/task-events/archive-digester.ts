import type { Client } from 'pg';
import { openClient } from '../database/open-client.js';
import { BLOCK_DIGESTS } from './archive-digest.js';
import type { BlockDigest } from './archive-digest.js';

/** What the archive holds of a range of the log, both ends inclusive. */
export interface DigestedRange {
  from: number;
  to: number;
  blocks: BlockDigest[];
}

/** Digests the archive over a connection of its own, beside the projection. */
export class ArchiveDigester {
  private constructor(private readonly client: Client) {}

  /** Fails when Postgres is away. */
  static async open(url: string, options: { schema?: string } = {}): Promise<ArchiveDigester> {
    return new ArchiveDigester(await openClient(url, { applicationName: 'millrace-anchor', ...options }));
  }

  /**
   * The next range from a sequence on: up to so many sequences after its first fact, and no further than all facts are in the archive.
   * Undefined when there are no facts.
   */
  async next(from: number, sequences: number): Promise<DigestedRange | undefined> {
    const { rows } = await this.client.query<{ reached: number; first: number }>(
      `SELECT coalesce((SELECT sequence FROM projections WHERE name = 'tasks'), 0) AS reached,
         coalesce((SELECT min(sequence) FROM task_events WHERE sequence >= $1), 0) AS first`,
      [from],
    );
    const { reached = 0, first = 0 } = rows[0] ?? {};
    if (first === 0 || first > reached) return undefined;
    const to = Math.min(first + sequences - 1, reached);
    const { rows: blocks } = await this.client.query<BlockDigest>(BLOCK_DIGESTS, [from, to]);
    return { from, to, blocks };
  }

  /** Safe twice, and when Postgres is away. */
  async close(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}
