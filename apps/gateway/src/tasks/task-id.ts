import { createHash, randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const RANDOM_BYTES = 16;
/** Asking the system for each id's chance would cost more than all else of an id. */
const chance = new Uint8Array(256 * RANDOM_BYTES);
let used = chance.length;

/** A new id. It begins with the time, so that neighbours in time are neighbours in every index. */
export function newTaskId(): string {
  if (used === chance.length) {
    randomFillSync(chance);
    used = 0;
  }
  return v7({ random: chance.subarray(used, (used += RANDOM_BYTES)) });
}

/** Hexadecimal digits of the hash that are kept: two keys meet by chance once in 2^64 keys. */
const KEY_HASH_DIGITS = 32;
/** A key within its queue. */
export function hashOfKey(queue: string, uniqueKey: string): string {
  const digest = createHash('sha256').update(`${queue}\0${uniqueKey}`).digest('hex');
  return digest.slice(0, KEY_HASH_DIGITS);
}

/**
 * The id of a task that has a key: the same in every gateway, so that the log itself refuses the second one.
 *
 * @param generation how many tasks the key has had, this one included
 */
export const idOfKey = (hash: string, generation: number): string => `${hash}-${generation}`;
