import { NatsServerNotFoundError, EmbeddedServerError } from '../server/errors.js';
import type { FetchWay, NatsServerSource } from './fetch-way.js';
import { newEnoughVersionOf } from './nats-binary.js';
import { installIntoCache, listCached, withWorkDir } from './nats-cache.js';
import { findPrograms } from './search-path.js';
import { MINIMUM_NATS_VERSION, formatVersion } from './version.js';
import { debianPackage } from './ways/debian.js';
import { goInstall } from './ways/go.js';
import { homebrew } from './ways/homebrew.js';

/** What `findNatsServer` may use. */
export interface FindNatsServerOptions {
  /** Where a fetched program is kept for the next time. */
  cacheDir: string;
  /** The program the operator named (MILLRACE_NATS_SERVER): used or refused, never replaced by another. */
  explicitPath?: string | undefined;
  /** Told, in a few lines, when something is fetched. Defaults to silence. */
  log?: ((line: string) => void) | undefined;
  /** Gives a fetch up. Defaults to never. */
  signal?: AbortSignal | undefined;
}

export interface FoundNatsServer {
  path: string;
  version: string;
  source: NatsServerSource;
}

const WAYS: readonly FetchWay[] = [debianPackage, homebrew, goInstall];

/**
 * Finds nats-server 2.14 or newer, or fetches it: the named program, PATH, the cache, then the ways of the platform.
 * It changes nothing outside the cache, except that Homebrew, where present, installs its package as it always does.
 * Fails with `NatsServerNotFoundError`, one sentence per way tried.
 */
export async function findNatsServer(options: FindNatsServerOptions): Promise<FoundNatsServer> {
  if (options.explicitPath !== undefined) return useExplicit(options.explicitPath);
  const attempts: string[] = [];
  return (
    (await firstUsable('path', 'PATH', await findPrograms('nats-server'), attempts)) ??
    (await firstUsable('cache', 'Cache', await listCached(options.cacheDir), attempts)) ??
    (await fetchOne(options, attempts))
  );
}

async function useExplicit(path: string): Promise<FoundNatsServer> {
  try {
    return { path, version: formatVersion(await newEnoughVersionOf(path)), source: 'explicit' };
  } catch (cause) {
    throw new EmbeddedServerError(`MILLRACE_NATS_SERVER cannot be used: ${messageOf(cause)}.`, { cause });
  }
}

async function firstUsable(
  source: NatsServerSource,
  title: string,
  candidates: readonly string[],
  attempts: string[],
): Promise<FoundNatsServer | undefined> {
  for (const path of candidates) {
    try {
      return { path, version: formatVersion(await newEnoughVersionOf(path)), source };
    } catch (error) {
      attempts.push(`${title}: ${messageOf(error)}.`);
    }
  }
  if (candidates.length === 0) attempts.push(`${title}: there is no nats-server.`);
  return undefined;
}

async function fetchOne(options: FindNatsServerOptions, attempts: string[]): Promise<FoundNatsServer> {
  for (const way of WAYS) {
    try {
      return await fetchBy(way, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      attempts.push(`${way.title}: ${messageOf(error)}.`);
    }
  }
  throw new NatsServerNotFoundError(formatVersion(MINIMUM_NATS_VERSION), attempts);
}

function fetchBy(way: FetchWay, { cacheDir, log, signal }: FindNatsServerOptions): Promise<FoundNatsServer> {
  return withWorkDir(cacheDir, async (workDir) => {
    const program = await way.fetch({ workDir, log: log ?? (() => undefined), signal });
    const version = await newEnoughVersionOf(program);
    const path = program.startsWith(workDir) ? await installIntoCache(cacheDir, program, version) : program;
    return { path, version: formatVersion(version), source: way.source };
  });
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\.$/, '');
}
