import { ANCHOR, WITHDRAWAL, anchorSchema, streams, subjects, withdrawalSchema } from '@millrace/log';
import type { Anchor, AnchoredDay, StoredMessage, TaskLog } from '@millrace/log';
import { BLOCK_SEQUENCES, blocksByDay, dayDigest } from '@millrace/read-model';
import type { BlockDigest, DigestedRange } from '@millrace/read-model';

/** Of a block's digest, in characters: it only tells where to look, the day's digest is whole. */
const BEGINNING = 16;

/** What is noted of a range. */
export const anchorOf = ({ from, to, blocks }: DigestedRange, withdrawal: number): Anchor => ({
  days: [...blocksByDay(blocks)].map(anchoredDay),
  from,
  to,
  withdrawal,
});

/** Where to go on, and the last withdrawal that is known. Nothing is kept of it: the chain itself tells. */
export async function nextToAnchor(log: TaskLog): Promise<{ from: number; withdrawal: number }> {
  const [last, withdrawals] = await Promise.all([
    log.read.lastOn(subjects.op(ANCHOR.noun, ANCHOR.verb), streams.ops.name),
    log.read.notes(WITHDRAWAL.noun, WITHDRAWAL.verb, new Date(0)),
  ]);
  return { from: following(last, withdrawals), withdrawal: withdrawals.at(-1)?.sequence ?? 0 };
}

const anchoredDay = ([day, blocks]: [string, BlockDigest[]]): AnchoredDay => ({
  blocks: blocks.map(({ block, facts, digest }) => [block, facts, digest.slice(0, BEGINNING)]),
  day,
  digest: dayDigest(blocks),
  facts: blocks.reduce((sum, { facts }) => sum + facts, 0),
});

function following(last: StoredMessage | undefined, withdrawals: StoredMessage[]): number {
  const anchor = last && anchorSchema.safeParse(JSON.parse(last.payload)).data;
  if (!anchor) return 1;
  const unknown = withdrawals.filter(({ sequence }) => sequence > anchor.withdrawal);
  const ends = unknown.flatMap(({ payload }) => withdrawalSchema.safeParse(JSON.parse(payload)).data ?? []);
  // From the beginning of a block: of one that is cut the earlier anchor proves nothing any more.
  const kept = ends.map(({ after }) => after - (after % BLOCK_SEQUENCES));
  return Math.min(anchor.to, ...kept) + 1;
}
