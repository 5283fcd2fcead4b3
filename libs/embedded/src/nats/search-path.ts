import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { searchPath } from '../config.js';

/** Where distributions put servers, although only root has these folders in its PATH. */
const SERVER_FOLDERS = ['/usr/local/sbin', '/usr/sbin'];

/** Every program of this name on PATH and in the system's folders for servers, first hit first. */
export async function findPrograms(
  name: string,
  extraFolders: readonly string[] = SERVER_FOLDERS,
): Promise<string[]> {
  const folders = [
    ...searchPath()
      .split(delimiter)
      .filter((folder) => folder !== ''),
    ...extraFolders,
  ];
  const candidates = [...new Set(folders)].map((folder) => join(folder, name));
  const runnable = await Promise.all(candidates.map(isExecutable));
  return candidates.filter((_, index) => runnable[index]);
}

export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
