import { open, realpath } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
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

/** A large file, read chunk by chunk. */
export class SourceFile {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    readonly version: SourceVersion,
    private readonly chunkBytes: number,
  ) {}

  /** @throws UnrecoverableError when the path leaves the root, is hidden, or is no file that can be read */
  static async open(documentsRoot: string, path: string, chunkBytes: number): Promise<SourceFile> {
    refuseOutside(path);
    // As for documents: they hold settings and secrets.
    if (path.split(/[\\/]/).some((segment) => segment.startsWith('.')))
      throw new UnrecoverableError(`The path ${path} is hidden; hidden files are not archived.`);
    const file = await insideRoot(await realpath(documentsRoot), path);
    const handle = await open(file).catch((error: unknown) => {
      const reason = UNREADABLE[(error as NodeJS.ErrnoException).code ?? ''];
      throw reason === undefined ? error : new UnrecoverableError(`The file ${path} ${reason}.`);
    });
    const stat = await handle.stat();
    if (stat.isFile()) {
      const version = { bytes: stat.size, modified_ms: Math.floor(stat.mtimeMs) };
      return new SourceFile(path, handle, version, chunkBytes);
    }
    await handle.close();
    throw new UnrecoverableError(`${path} is no file.`);
  }

  get chunks(): number {
    return Math.ceil(this.version.bytes / this.chunkBytes);
  }

  /** @throws UnrecoverableError when the file has become shorter */
  async read(chunk: number): Promise<Buffer> {
    const begin = chunk * this.chunkBytes;
    const length = Math.min(this.chunkBytes, this.version.bytes - begin);
    const buffer = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length;) {
      const { bytesRead } = await this.handle.read(buffer, filled, length - filled, begin + filled);
      if (bytesRead === 0) throw this.#changed();
      filled += bytesRead;
    }
    return buffer;
  }

  /** @throws UnrecoverableError when the file is not what it was: its parts would belong to two files */
  async refuseChanged(since: SourceVersion = this.version): Promise<void> {
    const { size, mtimeMs } = await this.handle.stat();
    if (size !== since.bytes || Math.floor(mtimeMs) !== since.modified_ms) throw this.#changed();
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  #changed(): UnrecoverableError {
    return new UnrecoverableError(
      `${this.path} has changed while it was archived: retry the task from the start.`,
    );
  }
}
