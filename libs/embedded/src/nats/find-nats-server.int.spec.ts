import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fetchedNatsServer } from '../testing/fetched-nats-server.js';
import { findNatsServer } from './find-nats-server.js';
import { natsVersionOf } from './nats-binary.js';
import { debianPackage } from './ways/debian.js';
import { readDistribution } from './ways/machine-apt.js';
import { formatVersion, isNewEnough } from './version.js';

const FETCH_LIMIT_MS = 120_000;

let program: string;
let dir: string;
beforeAll(async () => {
  program = await fetchedNatsServer();
  dir = await mkdtemp(join(tmpdir(), 'millrace-find-'));
}, FETCH_LIMIT_MS);
afterAll(() => rm(dir, { recursive: true, force: true }));

async function fakeServer(name: string, output: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, `#!/bin/sh\necho '${output}'\n`, { mode: 0o755 });
  return path;
}

describe('the nats-server the operator named', () => {
  it('is used when it is new enough', async () => {
    const found = await findNatsServer({ cacheDir: join(dir, 'none'), explicitPath: program });
    expect(found).toMatchObject({ path: program, source: 'explicit' });
  });

  it.each([
    ['old', 'nats-server: v2.10.4', 'is 2.10.4, older than 2.14.0.'],
    ['other', 'hello', '--version printed "hello".'],
  ])('is refused, and not replaced, when it is %s', async (name, output, sentence) => {
    const explicitPath = await fakeServer(name, output);
    await expect(findNatsServer({ cacheDir: dir, explicitPath })).rejects.toThrow(
      `MILLRACE_NATS_SERVER cannot be used: ${explicitPath} ${sentence}`,
    );
  });

  it('is refused when it does not exist', async () => {
    const explicitPath = join(dir, 'nowhere');
    await expect(findNatsServer({ cacheDir: dir, explicitPath })).rejects.toThrow(
      `MILLRACE_NATS_SERVER cannot be used: ${explicitPath}: ENOENT.`,
    );
  });
});

describe('the cache', () => {
  it('serves its newest program that is new enough and runs', async () => {
    const cacheDir = await mkdtemp(join(dir, 'cache-'));
    const version = formatVersion(await natsVersionOf(program));
    await copyFile(program, join(cacheDir, `nats-server-${version}`));
    await writeFile(join(cacheDir, 'nats-server-99.0.0'), 'cut short', { mode: 0o755 });
    const found = await findNatsServer({ cacheDir });
    expect(['path', 'cache']).toContain(found.source);
    expect(found.version).toBe(version);
  });
});

const isDebian = (await readDistribution())?.family === 'debian';

(isDebian ? describe : describe.skip)("Debian's package of a newer suite", () => {
  it(
    'is fetched into private folders only',
    async () => {
      const workDir = await mkdtemp(join(dir, 'work-'));
      const path = await debianPackage.fetch({ workDir, log: () => undefined, signal: undefined });
      expect(path.startsWith(workDir)).toBe(true);
      expect(isNewEnough(await natsVersionOf(path))).toBe(true);
      expect(await readdir(workDir)).toEqual(['forky']);
    },
    FETCH_LIMIT_MS,
  );
});
