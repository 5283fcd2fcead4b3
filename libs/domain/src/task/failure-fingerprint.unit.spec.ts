import { describe, expect, it } from '@jest/globals';
import { failureFingerprint, normalisedMessage } from './failure-fingerprint.js';

describe('the message of an error', () => {
  it.each([
    ['Cannot open /films/42/part-7.mov after 3 tries', 'Cannot open /films/<n>/part<n>.mov after <n> tries'],
    ['No user "ada" in `people`', 'No user <text> in <text>'],
    ['task 019f3c25-90d1-7a44-b5f2-0a4c1c0f6d33 is gone', 'task <id> is gone'],
    ['bad address 0xDEADbeef, sum d41d8cd98f00b204e9800998ecf8427e', 'bad address <hex>, sum <hex>'],
    ['key 01ARZ3NDEKTSV4RRFFQ69G5FAV is held', 'key <id> is held'],
    ['took 1.5 s,\n  more than 1,000 ms', 'took <n> s, more than <n> ms'],
    ['a facade was defaced', 'a facade was defaced'],
    ['', ''],
  ])('%s reads %s', (message, expected) => {
    expect(normalisedMessage(message)).toBe(expected);
  });

  it('counts up to a length', () => {
    expect(normalisedMessage(`${'word '.repeat(400)}end`)).not.toContain('end');
  });
});

describe('the fingerprint of a failure', () => {
  const of = (task: string, name: string, message: string): string =>
    failureFingerprint(task, { name, message });

  it('is the same for the same failure of other tasks', () => {
    expect(of('render', 'Error', 'film 7 is gone')).toBe(of('render', 'Error', 'film 4711 is gone'));
    expect(of('render', 'Error', 'film 7 is gone')).toMatch(/^[0-9a-f]{16}$/);
  });

  it('is another for another handler, class or message', () => {
    const prints = [
      of('render', 'Error', 'film 7 is gone'),
      of('encode', 'Error', 'film 7 is gone'),
      of('render', 'TypeError', 'film 7 is gone'),
      of('render', 'Error', 'film 7 is here'),
    ];
    expect(new Set(prints).size).toBe(prints.length);
  });
});
