import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

const DEFAULT_MAX_FILE_STORE_BYTES = 50 * 1024 ** 3;
/** The rest of the disk stays for Postgres, logs and the machine itself. */
const SHARE_OF_DISK = 0.9;

/** The store's limit: 50 GiB, but never more than what the store holds now plus nine tenths of the free disk. */
export async function defaultStoreLimit(storeDir: string): Promise<number> {
  const { bavail, bsize } = await statfs(storeDir);
  const possible = (await bytesIn(storeDir)) + bavail * bsize * SHARE_OF_DISK;
  return Math.floor(Math.min(DEFAULT_MAX_FILE_STORE_BYTES, possible));
}

async function bytesIn(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  // A file may be compacted away while we look: it then counts nothing.
  const sizes = await Promise.all(
    files.map((file) =>
      stat(join(file.parentPath, file.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
