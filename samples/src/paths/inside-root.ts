import { realpath } from 'node:fs/promises';
import { isAbsolute, join, relative, sep, win32 } from 'node:path';
import { UnrecoverableError } from '@millrace/worker';

/**
 * Refuses a path, or a glob, that says itself that it leaves the documents folder.
 *
 * @throws UnrecoverableError naming the path
 */
export function refuseOutside(pattern: string): void {
  const path = pattern.replace(/^!/, '');
  // Braces and brackets hide segments: {..,a}/b is ../b too.
  const climbs = path.split(/[\\/{}(),|]/).includes('..');
  if (isAbsolute(path) || win32.isAbsolute(path) || climbs) {
    throw new UnrecoverableError(
      `The path ${pattern} leaves the documents folder: name documents relative to it, without "..".`,
    );
  }
}

/**
 * Where a path of the documents folder really is.
 *
 * @param root the real path of the folder
 * @throws UnrecoverableError when a link leads out of it
 */
export async function insideRoot(root: string, path: string): Promise<string> {
  const named = join(root, path);
  // A link without a target is read, and skipped, like a file that is gone.
  const file = await realpath(named).catch(() => named);
  const way = relative(root, file);
  if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) {
    throw new UnrecoverableError(`The path ${path} is a link that leaves the documents folder.`);
  }
  return file;
}
