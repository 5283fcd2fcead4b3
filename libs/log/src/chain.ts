import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { StoredMessage } from './requests.js';

/** The last link of a chain of notes, by which the next one names it. */
export interface ChainEnd {
  /** 0 before the first. */
  sequence: number;
  /** Empty before the first. */
  hash: string;
}

/** The first place where a chain does not hold. */
export interface ChainFault {
  sequence: number;
  /** A sentence. */
  reason: string;
}

/** How far a chain holds. */
export interface ChainReport {
  /** Notes that were looked at and are as they were written. */
  checked: number;
  /** The last of them; what was given when there was none. */
  end: ChainEnd | undefined;
  fault: ChainFault | undefined;
}

export const CHAIN_START: ChainEnd = { sequence: 0, hash: '' };

const linkSchema = z.looseObject({ hash: z.string(), previous: z.string(), prev: z.int().nonnegative() });

/** JSON without white space, the keys of every object in order: equal values are equal texts. */
export const canonicalJson = (value: unknown): string => JSON.stringify(ordered(value));

/**
 * The body of the next note of a chain: it names the note before by sequence (`prev`) and hash (`previous`), and itself by a hash over
 * all the rest.
 */
export function sealed(body: object, before: ChainEnd): { payload: string; hash: string } {
  const text = canonicalJson({ ...body, prev: before.sequence, previous: before.hash });
  const hash = sha256(text);
  return { payload: `{"hash":"${hash}",${text.slice(1)}`, hash };
}

/** What the next note must name; a message that is none of the chain has no hash. */
export function chainEndOf({ sequence, payload }: Pick<StoredMessage, 'sequence' | 'payload'>): ChainEnd {
  return { sequence, hash: linkIn(payload)?.hash ?? '' };
}

/**
 * Looks whether notes that follow each other on their subject are as they were written, and all there. It stops at the first fault. What
 * was taken from the end is not seen here: compare the last hash with one that was noted elsewhere.
 *
 * @param before the note before the first of these; undefined when it is not known, then its link is taken as it is
 */
export function verifyChain(
  messages: readonly Pick<StoredMessage, 'sequence' | 'payload'>[],
  before?: ChainEnd,
): ChainReport {
  let end = before;
  for (const [checked, { sequence, payload }] of messages.entries()) {
    const reason = faultIn(payload, end);
    if (reason !== undefined) return { checked, end, fault: { sequence, reason } };
    end = chainEndOf({ sequence, payload });
  }
  return { checked: messages.length, end, fault: undefined };
}

function faultIn(payload: string, before: ChainEnd | undefined): string | undefined {
  const link = linkIn(payload);
  if (!link) return 'It is no note of the chain: somebody else has written here.';
  const { hash, ...rest } = link;
  if (sha256(canonicalJson(rest)) !== hash) return 'Its hash is not that of its content: it was changed.';
  // The first note of all names none.
  const named = before ?? (link.prev === 0 ? CHAIN_START : undefined);
  if (!named) return undefined;
  if (link.prev !== named.sequence)
    return `It follows the note ${link.prev}, but the one before it is ${named.sequence}: notes are missing or were added.`;
  if (link.previous !== named.hash)
    return `It names the note ${link.prev} by another hash: that one was replaced.`;
  return undefined;
}

function linkIn(payload: string): z.infer<typeof linkSchema> | undefined {
  try {
    return linkSchema.safeParse(JSON.parse(payload)).data;
  } catch {
    return undefined;
  }
}

/** The value itself when its keys are in order already, which costs a tenth of putting them so. */
function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return everyOrdered(value) ? value : value.map(ordered);
  if (isOrdered(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, ordered(part)]));
}

function isOrdered(value: object): boolean {
  let last = '';
  for (const key in value) {
    if (key < last) return false;
    last = key;
    const part = (value as Record<string, unknown>)[key];
    if (typeof part !== 'object' || part === null) continue;
    if (!(Array.isArray(part) ? everyOrdered(part) : isOrdered(part))) return false;
  }
  return true;
}

const everyOrdered = (values: readonly unknown[]): boolean =>
  values.every((value) => ordered(value) === value);

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
