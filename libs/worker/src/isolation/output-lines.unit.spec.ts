import { finished } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { LastLines, readLines } from './output-lines.js';

async function linesOf(...chunks: (string | Buffer)[]): Promise<string[]> {
  const lines: string[] = [];
  const stream = Readable.from(chunks, { objectMode: false });
  readLines(stream, (line) => lines.push(line));
  await finished(stream);
  return lines;
}

describe('the output of a process', () => {
  it('comes line by line, however it was cut, with the last one that nobody ended', async () => {
    const two = Buffer.from('é');
    expect(await linesOf('a\nb', 'c\n\n', two.subarray(0, 1), two.subarray(1))).toEqual(['a', 'bc', '', 'é']);
  });

  it('is cut into pieces where a line never ends', async () => {
    const lines = await linesOf(...Array.from({ length: 5 }, () => 'x'.repeat(5_000)));
    expect(lines.map(({ length }) => length)).toEqual([8_192, 1_808, 8_192, 1_808, 5_000]);
  });
});

describe('the last lines of a process', () => {
  it('are the last twenty that say something', () => {
    const last = new LastLines();
    for (let n = 1; n <= 30; n++) {
      last.add(`line ${n}`);
      last.add('');
    }
    expect(last.all).toHaveLength(20);
    expect(last.all.at(0)).toBe('line 11');
  });

  it('can be forgotten', () => {
    const last = new LastLines();
    last.add('old');
    last.forget();
    expect(last.all).toEqual([]);
  });
});
