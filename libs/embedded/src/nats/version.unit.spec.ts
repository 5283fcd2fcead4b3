import { describe, expect, it } from '@jest/globals';
import { compareVersions, formatVersion, isNewEnough, parseVersion } from './version.js';

describe('a nats-server version', () => {
  it.each([
    ['nats-server: v2.15.1', '2.15.1'],
    ['nats-server: v2.14.0-RC.2\n', '2.14.0-RC.2'],
    ['2.15.1-1', '2.15.1'],
    ['2.9.10-1+b3', '2.9.10'],
    ['2.15.0~beta1-1', '2.15.0-beta1'],
  ])('is read from %j', (text, expected) => {
    const version = parseVersion(text);
    expect(version && formatVersion(version)).toBe(expected);
  });

  it.each(['', 'nats-server', 'v2.15'])('is not read from %j', (text) => {
    expect(parseVersion(text)).toBeUndefined();
  });

  it.each([
    ['2.14.0', true],
    ['2.14.0-RC.1', false],
    ['2.13.9', false],
    ['2.9.25', false],
    ['2.15.0-beta1', true],
    ['3.0.0', true],
  ])('%s is new enough: %s', (text, expected) => {
    const version = parseVersion(text);
    expect(version && isNewEnough(version)).toBe(expected);
  });

  it('is ordered by number and not by letter', () => {
    const sorted = ['2.15.1', '2.9.10', '2.15.1-RC.1', '2.14.3'].sort((a, b) => {
      const [left, right] = [parseVersion(a), parseVersion(b)];
      return left && right ? compareVersions(left, right) : 0;
    });
    expect(sorted).toEqual(['2.9.10', '2.14.3', '2.15.1-RC.1', '2.15.1']);
  });
});
