import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../server/run-command.js';
import { parseDeb822, parseSourcesList, type AptSource } from './apt-sources.js';

/** Which of the two families this machine belongs to, and the name of its release. */
export interface Distribution {
  family: 'debian' | 'ubuntu';
  codename: string | undefined;
}

/** Reads /etc/os-release; undefined on anything that is not Debian, Ubuntu or made from one of them. */
export async function readDistribution(file = '/etc/os-release'): Promise<Distribution | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const value = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1];
  const names = [value('ID'), ...(value('ID_LIKE') ?? '').split(' ')];
  const family = names.find((name) => name === 'ubuntu' || name === 'debian');
  if (family !== 'ubuntu' && family !== 'debian') return undefined;
  return {
    family,
    codename: value('UBUNTU_CODENAME') ?? value('DEBIAN_CODENAME') ?? value('VERSION_CODENAME'),
  };
}

/** All repositories of the machine's own apt configuration, in the order apt reads them. */
export async function readMachineSources(etcApt = '/etc/apt'): Promise<AptSource[]> {
  const read = (file: string) => readFile(file, 'utf8').catch(() => '');
  const parts = join(etcApt, 'sources.list.d');
  const names = (await readdir(parts).catch(() => [])).sort();
  const sources = parseSourcesList(await read(join(etcApt, 'sources.list')));
  for (const name of names) {
    if (name.endsWith('.list')) sources.push(...parseSourcesList(await read(join(parts, name))));
    if (name.endsWith('.sources')) sources.push(...parseDeb822(await read(join(parts, name))));
  }
  return sources;
}

/** The distribution's own archive among the machine's repositories: the one that serves its release. */
export function chooseArchive(
  sources: readonly AptSource[],
  distribution: Distribution,
): AptSource | undefined {
  const component = distribution.family === 'ubuntu' ? 'universe' : 'main';
  const releases = [distribution.codename, 'stable', 'testing', 'unstable', 'sid', 'devel'];
  const archive = sources.find((source) => source.suites.some((suite) => releases.includes(suite)));
  return archive && { ...archive, components: [component] };
}

/**
 * How this machine reaches its mirrors: proxies, client certificates, retries, clock checks. Hooks and everything
 * about whether signatures are needed stay behind.
 */
export async function readTransportSettings(): Promise<string[]> {
  const dump = await runCommand('apt-config', ['dump']);
  const wanted =
    /^(Acquire::(http|https|ftp|tor|Retries|ForceIPv4|ForceIPv6|Check-Valid-Until|Check-Date|Max-ValidTime|Min-ValidTime)|Dir::Etc::netrc)/i;
  return dump
    .split('\n')
    .filter((line) => wanted.test(line) && !/Allow(Insecure|Weak|Downgrade)/i.test(line));
}
