import { z } from 'zod';
import { AUDIT } from './audit-notes.js';

/** Where the projector notes what the archive of facts holds. In the chain of the audit, as the next two. */
export const ANCHOR = { noun: AUDIT.noun, verb: 'anchored' } as const;

/** Where it is noted that the log went back or the archive was repaired: what was anchored of it holds no more. */
export const WITHDRAWAL = { noun: AUDIT.noun, verb: 'withdrawn' } as const;

/** Where it is noted what the retention is about to let go of. */
export const RELEASE = { noun: AUDIT.noun, verb: 'released' } as const;

const sequence = z.int().nonnegative();

const anchoredDaySchema = z.object({
  /** In UTC, such as `2026-01-31`. */
  day: z.string(),
  facts: z.int().positive(),
  /** SHA-256 over the digests of its blocks, in hexadecimal. */
  digest: z.string(),
  /** Of each block with facts in it: its number, its facts, and the beginning of its digest. */
  blocks: z.array(z.tuple([z.int().nonnegative(), z.int().positive(), z.string()])),
});
/** The facts of a day that are in the range of an anchor: days leave the archive one by one. */
export type AnchoredDay = z.infer<typeof anchoredDaySchema>;

/** What the archive held of a range of `TASKS`, both ends inclusive. */
export const anchorSchema = z.object({
  from: sequence,
  to: sequence,
  days: z.array(anchoredDaySchema),
  /** The last withdrawal that was known before the rows were read; 0 without any. */
  withdrawal: sequence,
});
export type Anchor = z.infer<typeof anchorSchema>;

export const withdrawalSchema = z.object({
  /** Anchors hold up to this sequence of `TASKS`, and no further. */
  after: sequence,
});

export const releaseSchema = z.object({
  /** Days of the archive of facts. */
  days: z.array(z.string()).optional(),
  /** Notes before this sequence of `OPS`, in their archive. */
  notes_before: sequence.optional(),
});
