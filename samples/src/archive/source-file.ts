import { open, realpath, stat } from 'node:fs/promises';
import { UnrecoverableError } from '@millrace/worker';
import { insideRoot, refuseOutside } from '../paths/inside-root.js';

/** What tells whether a file is still the one that was begun. */
export interface SourceVersion {
  bytes: number;
  modified_ms: number;
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'is not readable by the worker',
  EPERM: 'is not readable by the worker',
  ELOOP: 'is a link in a circle',
};

/** A large file, read chunk by chunk. It is open only while it is read: an attempt may be lost and never come to close it. */
export class SourceFile {
  private constructor(
    private readonly path: string,
    private readonly file: string,
    readonly version: SourceVersion,
    private readonly chunkBytes: number,
  ) {}

  /** @throws UnrecoverableError when the path leaves the root, is hidden, or is no file that can be read */
  static async find(documentsRoot: string, path: string, chunkBytes: number): Promise<SourceFile> {
    refuseOutside(path);
    // As for documents: they hold settings and secrets.
    if (path.split(/[\\/]/).some((segment) => segment.startsWith('.')))
      throw new UnrecoverableError(`The path ${path} is hidden; hidden files are not archived.`);
    const file = await insideRoot(await realpath(documentsRoot), path);
    const found = await stat(file).catch((error: unknown) => {
      throw unreadable(path, error);
    });
    if (!found.isFile()) throw new UnrecoverableError(`${path} is no file.`);
    const version = { bytes: found.size, modified_ms: Math.floor(found.mtimeMs) };
    return new SourceFile(path, file, version, chunkBytes);
  }

  get chunks(): number {
    return Math.ceil(this.version.bytes / this.chunkBytes);
  }

  /** @throws UnrecoverableError when the file has become shorter */
  async read(chunk: number): Promise<Buffer> {
    const begin = chunk * this.chunkBytes;
    const length = Math.min(this.chunkBytes, this.version.bytes - begin);
    const buffer = Buffer.allocUnsafe(length);
    const handle = await open(this.file).catch((error: unknown) => {
      throw unreadable(this.path, error);
    });
    try {
      for (let filled = 0; filled < length;) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, begin + filled);
        if (bytesRead === 0) throw this.#changed();
        filled += bytesRead;
      }
    } finally {
      await handle.close();
    }
    return buffer;
  }

  /** @throws UnrecoverableError when the file is not what it was: its parts would belong to two files */
  async refuseChanged(since: SourceVersion = this.version): Promise<void> {
    const { size, mtimeMs } = await stat(this.file);
    if (size !== since.bytes || Math.floor(mtimeMs) !== since.modified_ms) throw this.#changed();
  }

  #changed(): UnrecoverableError {
    return new UnrecoverableError(
      `${this.path} has changed while it was archived: retry the task from the start.`,
    );
  }
}

function unreadable(path: string, error: unknown): unknown {
  const reason = UNREADABLE[(error as NodeJS.ErrnoException).code ?? ''];
  return reason === undefined ? error : new UnrecoverableError(`The file ${path} ${reason}.`);
}
