import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../server/run-command.js';
import type { FetchWay } from '../fetch-way.js';
import { tooOld } from '../nats-binary.js';
import { findPrograms } from '../search-path.js';
import { isNewEnough, parseVersion } from '../version.js';
import { formatDeb822, type AptSource } from './apt-sources.js';
import { chooseArchive, readDistribution, readMachineSources, readTransportSettings } from './machine-apt.js';

/** Newer suites to look into. Each is signed with the keys of the stable releases too, which the machine's keyring has. */
const NEWER_SUITES = { debian: ['forky', 'testing', 'sid'], ubuntu: ['devel'] } as const;

/**
 * Takes the package of a newer suite from the machine's own mirror, checked with the machine's own keyring. Works
 * without root and leaves the system as it is: apt gets folders of its own, and the package is only unpacked.
 */
export const debianPackage: FetchWay = {
  source: 'debian',
  title: 'Debian package',

  async fetch({ workDir, log, signal }) {
    const distribution = await readDistribution();
    if (!distribution || (await findPrograms('apt-get')).length === 0)
      throw new Error('this is not Debian or Ubuntu');
    const archive = chooseArchive(await readMachineSources(), distribution);
    if (!archive) throw new Error('/etc/apt names no mirror of the distribution itself');
    const failures: string[] = [];
    for (const suite of NEWER_SUITES[distribution.family]) {
      try {
        log(`Fetching nats-server from ${archive.uris.join(', ')} (${suite}) ...`);
        return await fetchFromSuite(join(workDir, suite), archive, suite, signal);
      } catch (error) {
        signal?.throwIfAborted();
        failures.push(`${suite}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    throw new Error(failures.join('; '));
  },
};

async function fetchFromSuite(
  dir: string,
  archive: AptSource,
  suite: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const architecture = (await runCommand('dpkg', ['--print-architecture'])).trim();
  const env = { ...process.env, APT_CONFIG: await layOutPrivateApt(dir), LC_ALL: 'C' };
  await writeFile(join(dir, 'millrace.sources'), formatDeb822(archive, suite, architecture));
  await runCommand('apt-get', ['update'], { cwd: dir, env, signal });
  await refuseOldCandidate(suite, env);
  await runCommand('apt-get', ['download', 'nats-server'], { cwd: dir, env, signal });
  const [archiveName] = (await readdir(dir)).filter((name) => name.endsWith('.deb'));
  if (archiveName === undefined) throw new Error('apt-get download left no package');
  await runCommand('dpkg-deb', ['-x', join(dir, archiveName), join(dir, 'unpacked')]);
  return join(dir, 'unpacked', 'usr', 'sbin', 'nats-server');
}

async function refuseOldCandidate(suite: string, env: NodeJS.ProcessEnv): Promise<void> {
  const shown = await runCommand('apt-cache', ['show', '--no-all-versions', 'nats-server'], { env });
  const version = parseVersion(/^Version: (.*)$/m.exec(shown)?.[1] ?? '');
  if (version && !isNewEnough(version)) throw new Error(tooOld(`nats-server in ${suite}`, version));
}

/** A configuration that names only folders below `dir`; without the machine's hooks, and strict about signatures. */
async function layOutPrivateApt(dir: string): Promise<string> {
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'parts']) {
    await mkdir(join(dir, folder), { recursive: true });
  }
  await writeFile(join(dir, 'status'), '');
  const file = join(dir, 'apt.conf');
  const quoted = (path: string) => `"${join(dir, path)}"`;
  const settings = [
    ...(await readTransportSettings()),
    `Dir::Etc::main ${quoted('none')};`,
    `Dir::Etc::parts ${quoted('parts')};`,
    `Dir::Etc::sourcelist ${quoted('millrace.sources')};`,
    `Dir::Etc::sourceparts ${quoted('parts')};`,
    `Dir::Etc::preferences ${quoted('none')};`,
    `Dir::Etc::preferencesparts ${quoted('parts')};`,
    `Dir::State ${quoted('state')};`,
    `Dir::State::status ${quoted('status')};`,
    `Dir::Cache ${quoted('cache')};`,
    // apt's own unprivileged user could not enter our folder; as non-root the setting means nothing.
    'APT::Sandbox::User "root";',
    'APT::Update::Error-Mode "any";',
    'APT::Get::AllowUnauthenticated "false";',
    'Acquire::AllowInsecureRepositories "false";',
    'Acquire::AllowWeakRepositories "false";',
    'Acquire::AllowDowngradeToInsecureRepositories "false";',
    'Acquire::GzipIndexes "true";',
    'Acquire::Languages "none";',
  ];
  await writeFile(file, settings.join('\n') + '\n');
  return file;
}
