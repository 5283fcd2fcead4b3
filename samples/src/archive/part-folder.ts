import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A part on the disk; its name says which chunk it holds. */
export interface Part {
  file: string;
  /** From 0. */
  number: number;
  /** Hash of the chunk, not of the compressed part. */
  sha256: string;
}

const TEMPORARY = '.tmp';
const NUMBER_DIGITS = 6;
const INDEX = 'index.json';

/** The files of one archive. Each is written under another name first and renamed, so that it is whole or absent. */
export class PartFolder {
  constructor(
    private readonly folder: string,
    private readonly extension: string,
    /** The fencing token: sets apart what two attempts write at the same time. */
    private readonly token: number,
  ) {}

  /** The parts that are there, in order. */
  async parts(): Promise<Part[]> {
    const name = new RegExp(`^part-(\\d{${NUMBER_DIGITS}})\\.([0-9a-f]{64})\\.${this.extension}$`);
    return (await this.#names()).sort().flatMap((file) => {
      const [, number, sha256] = name.exec(file) ?? [];
      return sha256 === undefined ? [] : [{ file, number: Number(number), sha256 }];
    });
  }

  /** Removes all else: what attempts left behind that were lost, or what an earlier run made. */
  async keepOnly(parts: readonly Part[]): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const kept = new Set(parts.map(({ file }) => file));
    for (const name of await this.#names())
      if (!kept.has(name) && !this.#isOfLater(name)) await rm(join(this.folder, name), { force: true });
  }

  async write({ number, sha256 }: Omit<Part, 'file'>, content: Buffer): Promise<void> {
    const name = `part-${String(number).padStart(NUMBER_DIGITS, '0')}.${sha256}.${this.extension}`;
    await this.#write(name, content);
  }

  read({ file }: Part): Promise<Buffer> {
    return readFile(join(this.folder, file));
  }

  /** Resolves with the path of the index once it is durable. */
  async writeIndex(index: object): Promise<string> {
    await this.#write(INDEX, Buffer.from(JSON.stringify(index)));
    await this.sync();
    return join(this.folder, INDEX);
  }

  /** Makes the names of the parts durable; their content is so already. */
  async sync(): Promise<void> {
    const folder = await open(this.folder);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  async #write(name: string, content: Buffer): Promise<void> {
    const temporary = join(this.folder, `${name}.${this.token}${TEMPORARY}`);
    try {
      const file = await open(temporary, 'w');
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, join(this.folder, name));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Of an attempt that has overtaken this one without its knowing. */
  #isOfLater(name: string): boolean {
    return name.endsWith(TEMPORARY) && Number(name.split('.').at(-2)) > this.token;
  }

  async #names(): Promise<string[]> {
    return readdir(this.folder).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    });
  }
}
