/** A release number; what follows the three numbers is kept as a mark of something unreleased. */
export interface Version {
  major: number;
  minor: number;
  patch: number;
  preRelease: string | undefined;
}

/** The first nats-server with native schedules, cancel and checks on another subject: what the log stands on. */
export const MINIMUM_NATS_VERSION: Version = { major: 2, minor: 14, patch: 0, preRelease: undefined };

/**
 * Reads a version out of `nats-server: v2.15.1`, `2.15.1-1` (Debian, with epoch or revision) or `v2.14.0-RC.2`.
 * A Debian revision is not a pre-release. Undefined when there is none in the text.
 */
export function parseVersion(text: string): Version | undefined {
  const found = /(\d+)\.(\d+)\.(\d+)(?:[-~]((?:rc|beta|alpha|preview|dev)[\w.]*))?/i.exec(text);
  if (!found) return undefined;
  const [, major, minor, patch, preRelease] = found;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), preRelease };
}

export function formatVersion(version: Version): string {
  const numbers = `${String(version.major)}.${String(version.minor)}.${String(version.patch)}`;
  return version.preRelease === undefined ? numbers : `${numbers}-${version.preRelease}`;
}

/** Negative when `a` is older, zero when they are equal, positive when `a` is newer. */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch || releaseRank(a) - releaseRank(b);
}

export function isNewEnough(version: Version): boolean {
  return compareVersions(version, MINIMUM_NATS_VERSION) >= 0;
}

function releaseRank(version: Version): number {
  return version.preRelease === undefined ? 1 : 0;
}
