import { runCommand } from '../server/run-command.js';
import { MINIMUM_NATS_VERSION, formatVersion, isNewEnough, parseVersion, type Version } from './version.js';

const PROBE_TIMEOUT_MS = 10_000;

/** Asks the program itself which version it is: that also shows that it runs on this machine. */
export async function natsVersionOf(path: string): Promise<Version> {
  const printed = await runCommand(path, ['--version'], { timeoutMs: PROBE_TIMEOUT_MS });
  const version = parseVersion(printed);
  if (!version) throw new Error(`${path} --version printed ${JSON.stringify(printed.trim())}`);
  return version;
}

/** The version of a program that is new enough; otherwise fails with one sentence. */
export async function newEnoughVersionOf(path: string): Promise<Version> {
  const version = await natsVersionOf(path);
  if (!isNewEnough(version)) throw new Error(tooOld(path, version));
  return version;
}

export function tooOld(what: string, version: Version): string {
  return `${what} is ${formatVersion(version)}, older than ${formatVersion(MINIMUM_NATS_VERSION)}`;
}
