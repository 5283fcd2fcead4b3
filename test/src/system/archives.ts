import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A task of the sample `file_archive`. */
export interface ArchiveOrder {
  taskId: string;
  params: { path: string; chunk_bytes: number; codec: 'gzip' | 'brotli' };
  chunks: number;
  /** What its result must say, computed here from the file. */
  root: string;
}

/** An attempt has begun to work on a chunk. */
export interface ChunkLine {
  taskId: string;
  attempt: number;
  /** The fencing token. */
  token: number;
  chunk: number;
}

/** The queue of the sample. */
export const ARCHIVE_QUEUE = 'archive';

/** Large files to archive, and what the handlers note of their work on them. */
export class Archives {
  readonly #roots = new Map<string, string>();
  readonly #files = new Map<string, Buffer>();

  private constructor(private readonly dir: string) {}

  static async create(): Promise<Archives> {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-test-archives-'));
    await mkdir(join(dir, 'files'));
    return new Archives(dir);
  }

  /** What a worker must be told: see samples/src/config.ts. */
  get env(): Record<string, string> {
    return {
      MILLRACE_DOCUMENTS_ROOT: join(this.dir, 'files'),
      MILLRACE_RESULTS_DIR: join(this.dir, 'results'),
      MILLRACE_SAMPLE_EFFECTS: this.#effects,
    };
  }

  async add(path: string, content: Buffer): Promise<void> {
    this.#files.set(path, content);
    await writeFile(join(this.dir, 'files', path), content);
  }

  order(taskId: string, params: ArchiveOrder['params']): ArchiveOrder {
    const content = this.#files.get(params.path) ?? Buffer.alloc(0);
    const key = `${params.path} ${params.chunk_bytes}`;
    const root = this.#roots.get(key) ?? rootOf(content, params.chunk_bytes);
    this.#roots.set(key, root);
    return { taskId, params, chunks: Math.ceil(content.length / params.chunk_bytes), root };
  }

  /** Work on chunks so far, in the order in which it began. */
  lines(): ChunkLine[] {
    if (!existsSync(this.#effects)) return [];
    return readFileSync(this.#effects, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [taskId = '', attempt, token, chunk] = line.split(' ');
        return { taskId, attempt: Number(attempt), token: Number(token), chunk: Number(chunk) };
      });
  }

  linesByTask(): Map<string, ChunkLine[]> {
    const byTask = new Map<string, ChunkLine[]>();
    for (const line of this.lines()) {
      const known = byTask.get(line.taskId);
      if (known) known.push(line);
      else byTask.set(line.taskId, [line]);
    }
    return byTask;
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }

  get #effects(): string {
    return join(this.dir, 'effects');
  }
}

/** As samples/README.md says it: a chain over the hashes of the chunks. */
function rootOf(content: Buffer, chunkBytes: number): string {
  let root: Buffer = Buffer.alloc(32);
  for (let at = 0; at < content.length; at += chunkBytes) {
    const chunk = createHash('sha256').update(content.subarray(at, at + chunkBytes));
    root = createHash('sha256').update(root).update(chunk.digest()).digest();
  }
  return root.toString('hex');
}
