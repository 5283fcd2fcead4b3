import { realpath } from 'node:fs/promises';
import { UnrecoverableError } from '@millrace/worker';
import { glob } from 'tinyglobby';
import { insideRoot, refuseOutside } from '../paths/inside-root.js';

/** A file that a glob has matched. */
export interface FoundDocument {
  /** As the task names it: relative to the root, with `/`. */
  path: string;
  /** Where it really is, inside the root. */
  file: string;
}

/** Memory grows with the vocabulary of the documents, so one task reads no more than this many. */
const MAX_DOCUMENTS = 5000;

/** Hidden files are never documents: they hold settings and secrets. */
const IGNORED = ['**/node_modules/**', '**/dist/**', '**/.git/**', '**/.millrace/**', '**/.*', '**/.*/**'];

/**
 * The files that match, in the order of their paths.
 *
 * @throws UnrecoverableError when a glob or a link leads out of the root, and when nothing or too much matches
 */
export async function findDocuments(documentsRoot: string, globs: string[]): Promise<FoundDocument[]> {
  for (const pattern of globs) refuseOutside(pattern);
  const root = await realpath(documentsRoot);
  const paths = await glob(globs, { cwd: root, ignore: IGNORED });
  if (paths.length === 0) {
    throw new UnrecoverableError(`No document in ${root} matches ${globs.join(', ')}.`);
  }
  if (paths.length > MAX_DOCUMENTS) {
    throw new UnrecoverableError(
      `${paths.length} documents match ${globs.join(', ')}; one task reads at most ${MAX_DOCUMENTS}: narrow the globs.`,
    );
  }
  const found: FoundDocument[] = [];
  for (const path of paths.sort()) found.push({ path, file: await insideRoot(root, path) });
  return found;
}
