import { z } from 'zod';
import { NO_CHUNKS } from './hash-chain.js';
import type { SourceVersion } from './source-file.js';

const Root = z.string().length(NO_CHUNKS.length);

const ArchiveState = z.object({
  /** Chunks whose parts are there; the next one to read. */
  chunks: z.int().min(0),
  archived_bytes: z.int().min(0),
  /** Hash of those chunks. */
  root: Root,
  /** Parts that were read back; the next one to verify. */
  verified: z.int().min(0),
  /** Hash of those parts as they lie on the disk. */
  archived_root: Root,
  source: z.object({ bytes: z.int(), modified_ms: z.int() }),
});

/** All that an attempt must know of those before it: what a checkpoint holds. Of the same size, however large the file is. */
export type ArchiveState = z.output<typeof ArchiveState>;

export const fromStart = (source: SourceVersion): ArchiveState => ({
  chunks: 0,
  archived_bytes: 0,
  root: NO_CHUNKS,
  verified: 0,
  archived_root: NO_CHUNKS,
  source,
});

/** Undefined for what is no such state: the first attempt has none, and another version of this code may have saved another. */
export const stateIn = (checkpoint: unknown): ArchiveState | undefined =>
  ArchiveState.safeParse(checkpoint).data;
