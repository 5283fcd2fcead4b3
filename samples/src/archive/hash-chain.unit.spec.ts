import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { chained, rootOf as rootOfHashes, sha256 } from './hash-chain.js';

const rootOf = (...chunks: string[]): string =>
  rootOfHashes(chunks.map((chunk) => sha256(Buffer.from(chunk))));

describe('the hash of a sequence of chunks', () => {
  it('is the SHA-256 of the one before and the hash of the chunk', () => {
    const first = createHash('sha256').update('a').digest();
    const wanted = createHash('sha256').update(Buffer.alloc(32)).update(first).digest('hex');
    expect(rootOf('a')).toBe(wanted);
  });

  it('goes on from any point with what was saved there', () => {
    const saved = rootOf('a', 'b');
    expect(chained(saved, sha256(Buffer.from('c')))).toBe(rootOf('a', 'b', 'c'));
  });

  it.each([
    ['the content', ['a', 'x']],
    ['the order', ['b', 'a']],
    ['the bounds', ['ab']],
    ['the number', ['a', 'b', '']],
  ])('changes with %s', (_what, chunks) => {
    expect(rootOf(...chunks)).not.toBe(rootOf('a', 'b'));
  });
});
