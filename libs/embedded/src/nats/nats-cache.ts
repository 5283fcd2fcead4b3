import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatVersion, isNewEnough, compareVersions, parseVersion, type Version } from './version.js';

const PREFIX = 'nats-server-';

/** The cached programs that are new enough by their name, newest first. */
export async function listCached(cacheDir: string): Promise<string[]> {
  const names = await readdir(cacheDir).catch(() => []);
  return names
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => ({ name, version: parseVersion(name) }))
    .filter(
      (entry): entry is { name: string; version: Version } => !!entry.version && isNewEnough(entry.version),
    )
    .sort((a, b) => compareVersions(b.version, a.version))
    .map(({ name }) => join(cacheDir, name));
}

/** Moves a fetched program into the cache in one step, so that two processes may fetch at once. */
export async function installIntoCache(cacheDir: string, program: string, version: Version): Promise<string> {
  const target = join(cacheDir, `${PREFIX}${formatVersion(version)}`);
  await chmod(program, 0o755);
  await rename(program, target);
  return target;
}

/** Runs `work` with a folder of its own inside the cache (same file system, so a rename is one step), then removes it. */
export async function withWorkDir<T>(cacheDir: string, work: (dir: string) => Promise<T>): Promise<T> {
  await mkdir(cacheDir, { recursive: true });
  const dir = await mkdtemp(join(cacheDir, 'fetch-'));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
