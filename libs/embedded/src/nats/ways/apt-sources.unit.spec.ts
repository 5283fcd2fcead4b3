import { describe, expect, it } from '@jest/globals';
import { formatDeb822, parseDeb822, parseSourcesList } from './apt-sources.js';

describe("the machine's apt sources", () => {
  it('are read from the one-line format, without taking over trusted=yes', () => {
    const text = [
      '# deb http://old.example/debian bookworm main',
      'deb http://mirror.example/debian bookworm main contrib # near',
      'deb [arch=amd64 trusted=yes signed-by=/usr/share/keyrings/x.gpg] https://m.example/ubuntu noble main universe',
      'deb-src http://mirror.example/debian bookworm main',
    ].join('\n');
    expect(parseSourcesList(text)).toEqual([
      {
        uris: ['http://mirror.example/debian'],
        suites: ['bookworm'],
        components: ['main', 'contrib'],
        signedBy: undefined,
      },
      {
        uris: ['https://m.example/ubuntu'],
        suites: ['noble'],
        components: ['main', 'universe'],
        signedBy: '/usr/share/keyrings/x.gpg',
      },
    ]);
  });

  it('are read from the deb822 format, disabled and source stanzas left out', () => {
    const text = [
      'Types: deb',
      '# http://snapshot.example/',
      'URIs: http://a.example/debian http://b.example/debian',
      'Suites: bookworm bookworm-updates',
      'Components: main',
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
      '',
      'Types: deb',
      'Enabled: no',
      'URIs: http://c.example',
      'Suites: bookworm',
      '',
      'Types: deb-src',
      'URIs: http://d.example',
      'Suites: bookworm',
    ].join('\n');
    expect(parseDeb822(text)).toEqual([
      {
        uris: ['http://a.example/debian', 'http://b.example/debian'],
        suites: ['bookworm', 'bookworm-updates'],
        components: ['main'],
        signedBy: '/usr/share/keyrings/debian-archive-keyring.gpg',
      },
    ]);
  });

  it('are written again for a newer suite with the same mirror and keyring, a key block included', () => {
    const text =
      'Types: deb\nURIs: http://a.example\nSuites: noble\nComponents: universe\nSigned-By:\n -----BEGIN\n .\n abc\n';
    const [source] = parseDeb822(text);
    expect(source && formatDeb822(source, 'devel', 'arm64')).toBe(
      'Types: deb\nURIs: http://a.example\nSuites: devel\nComponents: universe\nArchitectures: arm64\n' +
        'Signed-By: \n -----BEGIN\n .\n abc\n',
    );
  });
});
