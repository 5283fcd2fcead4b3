import { createHash } from 'node:crypto';

export const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

/** The hash of no chunks. */
export const NO_CHUNKS = '0'.repeat(64);

/**
 * The hash of a sequence of chunks, taken one by one: `next = SHA-256(root so far ‖ SHA-256(chunk))`, from 32 zero bytes. Unlike the
 * state within a SHA-256 it can be saved and gone on from, it is as long after a million chunks as after one, and it changes with the
 * content, the order and the bounds of the chunks.
 */
export const chained = (root: string, chunkHash: string): string =>
  sha256(Buffer.from(root + chunkHash, 'hex'));

/** The root of chunks whose hashes are known. */
export const rootOf = (chunkHashes: Iterable<string>): string => {
  let root = NO_CHUNKS;
  for (const hash of chunkHashes) root = chained(root, hash);
  return root;
};
