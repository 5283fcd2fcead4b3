import { chmod, chown, lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { runCommand } from '../server/run-command.js';
import type { RunAs } from './run-as.js';

const SYSTEM_PLACES = ['/var/lib', '/var/tmp'];

/** Whether that user can get into the folder: asked of the system itself, which knows ACLs and mounts that we do not. */
export async function canEnter(dir: string, runAs: RunAs): Promise<boolean> {
  try {
    await runCommand('/bin/sh', ['-c', 'cd "$1"', 'sh', dir], { runAs, env: { PATH: '/usr/bin:/bin' } });
    return true;
  } catch {
    return false;
  }
}

/**
 * A folder `millrace` outside the data folder that the user can enter: temporary data stays with temporary files, all
 * other goes to /var/lib, which nobody sweeps. For root only. Each thing in it has a folder of its own.
 */
export async function openPlace(dataDir: string, runAs: RunAs): Promise<string> {
  const isTemporary = dataDir.startsWith(tmpdir() + sep);
  const bases = isTemporary ? [tmpdir(), ...SYSTEM_PLACES] : SYSTEM_PLACES;
  for (const base of bases) {
    const place = join(base, 'millrace');
    if ((await makeOurs(place)) && (await canEnter(place, runAs))) return place;
  }
  throw new Error(`The user Postgres runs as (${String(runAs.uid)}) can enter none of ${bases.join(', ')}.`);
}

/** Makes a folder below the place that belongs to the user alone. */
export async function makePrivate(dir: string, runAs: RunAs | undefined): Promise<void> {
  await mkdir(dir, { mode: 0o700 });
  if (runAs) await chown(dir, runAs.uid, runAs.gid);
}

/** In a folder open to all, someone else may have made `millrace` before us: then it is not to be trusted. */
async function makeOurs(place: string): Promise<boolean> {
  try {
    await mkdir(place, { recursive: true });
    const found = await lstat(place);
    if (!found.isDirectory() || found.uid !== process.getuid?.()) return false;
    await chmod(place, 0o755);
    return true;
  } catch {
    return false;
  }
}
