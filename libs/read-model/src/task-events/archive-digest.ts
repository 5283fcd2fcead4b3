import { createHash } from 'node:crypto';

/** Sequences of a block: that near a fact that was changed is found without the log. */
export const BLOCK_SEQUENCES = 100;

/** What the archive holds of a block: those facts of a day of which the sequence, less one, divided by the size has this number. */
export interface BlockDigest {
  /** In UTC. */
  day: string;
  block: number;
  facts: number;
  /** In hexadecimal. */
  digest: string;
}

/**
 * A fact is told by its columns in this order, as a JSON array as Postgres writes one, the time in microseconds since the epoch, followed
 * by its data to the letter. A block by the SHA-256 of those of its facts, one after the other. No setting of the session changes them.
 */
export const BLOCK_DIGESTS = `
  SELECT day, block, count(*) AS facts, encode(sha256(string_agg(digest, ''::bytea ORDER BY sequence)), 'hex') AS digest
  FROM (
    SELECT sequence, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, (sequence - 1) / ${BLOCK_SEQUENCES} AS block,
      sha256(convert_to(json_build_array(sequence, task_id, queue, kind, (extract(epoch FROM at) * 1000000)::bigint,
        attempt, actor, event_id, prev)::text || data::text, 'UTF8')) AS digest
    FROM task_events WHERE sequence BETWEEN $1 AND $2
  ) AS facts
  GROUP BY day, block ORDER BY day, block`;

/** Blocks of several days, day by day. */
export function blocksByDay(blocks: readonly BlockDigest[]): Map<string, BlockDigest[]> {
  const days = new Map<string, BlockDigest[]>();
  for (const block of blocks) {
    const day = days.get(block.day);
    if (day) day.push(block);
    else days.set(block.day, [block]);
  }
  return days;
}

/** Of the blocks of a day in a range, in order. */
export function dayDigest(blocks: readonly Pick<BlockDigest, 'digest'>[]): string {
  const hash = createHash('sha256');
  for (const { digest } of blocks) hash.update(digest, 'hex');
  return hash.digest('hex');
}
