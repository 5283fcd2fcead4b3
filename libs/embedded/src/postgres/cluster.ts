import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EmbeddedServerError } from '../server/errors.js';
import { runCommand } from '../server/run-command.js';
import type { PostgresBinaries } from './binaries.js';
import { canEnter, makePrivate, openPlace } from './private-place.js';
import type { RunAs } from './run-as.js';

const MAJOR_VERSION = '18';

export interface ClusterOptions {
  dataDir: string;
  runAs: RunAs | undefined;
  binaries: PostgresBinaries;
  user: string;
  password: string;
  log: (line: string) => void;
}

/** The path under which the data folder shows its cluster: a folder, or a link to where it had to go. */
export function clusterLink(dataDir: string): string {
  return join(dataDir, 'cluster');
}

/** Returns the folder of the cluster as the server's user reaches it; makes the cluster on the first start. */
export async function ensureCluster(options: ClusterOptions): Promise<string> {
  const link = clusterLink(options.dataDir);
  const existing = await clusterVersion(link);
  if (existing === undefined) await createCluster(options, link);
  else if (existing !== MAJOR_VERSION) {
    throw new EmbeddedServerError(
      `${link} was made by Postgres ${existing} and cannot be opened by Postgres ${MAJOR_VERSION}: ` +
        'move it away, and the read models are made again from the log.',
    );
  }
  // The real one: it may be a link, and the data folder may lie behind others.
  return realpath(link);
}

/** Removes a stopped cluster, also when it lies elsewhere. */
export async function removeCluster(dataDir: string): Promise<void> {
  const link = clusterLink(dataDir);
  const elsewhere = await readlink(link).catch(() => undefined);
  if (elsewhere !== undefined) await rm(dirname(elsewhere), { recursive: true, force: true });
  await rm(link, { recursive: true, force: true });
}

async function clusterVersion(cluster: string): Promise<string | undefined> {
  try {
    return (await readFile(join(cluster, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function createCluster(options: ClusterOptions, link: string): Promise<void> {
  const { dataDir, runAs, log } = options;
  await refuseLostLink(link);
  const isReachable = !runAs || (await openToUser(dataDir, runAs));
  const home = isReachable ? dataDir : join(await openPlace(dataDir, runAs), randomBytes(8).toString('hex'));
  if (!isReachable) {
    await makePrivate(home, runAs);
    await writeFile(join(home, 'belongs-to'), `${dataDir}\n`);
  }
  const cluster = join(home, 'cluster');
  // Made aside and renamed: a start that was cut short leaves nothing that looks like a cluster.
  const draft = join(home, `cluster-${randomBytes(4).toString('hex')}`);
  try {
    await initialise(options, draft);
    await rename(draft, cluster);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  if (isReachable) return;
  await symlink(cluster, link);
  log(`The user Postgres runs as cannot enter ${dataDir}: its data lies in ${cluster}.`);
}

/** A link whose target is gone means lost data, which only a person may decide to do without. */
async function refuseLostLink(link: string): Promise<void> {
  const target = await readlink(link).catch(() => undefined);
  if (target === undefined) return;
  throw new EmbeddedServerError(
    `${link} points to ${target}, which holds no cluster: remove the link to start with an empty database.`,
  );
}

/** The data folder is ours, so we may let others pass through it; the secrets in it are readable for us alone. */
async function openToUser(dataDir: string, runAs: RunAs): Promise<boolean> {
  const { mode } = await stat(dataDir);
  await chmod(dataDir, (mode & 0o777) | 0o011);
  return canEnter(dataDir, runAs);
}

async function initialise({ binaries, runAs, user, password }: ClusterOptions, draft: string): Promise<void> {
  const passwordFile = `${draft}.password`;
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  try {
    if (runAs) for (const path of [draft, passwordFile]) await chown(path, runAs.uid, runAs.gid);
    const args = [
      ['--pgdata', draft],
      ['--username', user],
      ['--pwfile', passwordFile],
      ['--auth', 'scram-sha-256'],
      ['--encoding', 'UTF8'],
      // Built into Postgres: the same order on every machine, whatever locales the system has.
      ['--locale', 'C'],
      ['--locale-provider', 'builtin'],
      ['--builtin-locale', 'C.UTF-8'],
      // The cluster is renamed into place and then used; a power cut before that only costs a new one.
      ['--no-sync'],
      ['--no-instructions'],
    ].flat();
    await runCommand(binaries.initdb, args, {
      runAs,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
}
