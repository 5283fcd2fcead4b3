import { createHash } from 'node:crypto';
import { v7 } from 'uuid';

/** A new id. It begins with the time, so that neighbours in time are neighbours in every index. */
export const newTaskId = (): string => v7();

/** Bytes of the hash that are kept: two keys meet by chance once in 2^64 keys. */
const KEY_HASH_HEX = 32;
/** So far a key stands for one task as long as the log or the archive knows it. */
const GENERATION = 1;

/** The id that a key stands for: the same in every gateway, so that the log itself refuses the second task. */
export function idOfKey(queue: string, uniqueKey: string): string {
  const digest = createHash('sha256').update(`${queue}\0${uniqueKey}`).digest('hex');
  return `${digest.slice(0, KEY_HASH_HEX)}-${GENERATION}`;
}
