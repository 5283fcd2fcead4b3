import type { TaskContext } from '@millrace/worker';
import { fromStart, stateIn } from './archive-state.js';
import type { ArchiveState } from './archive-state.js';
import type { Codec } from './codecs.js';
import { noteChunk } from './effects.js';
import { chained, rootOf, sha256 } from './hash-chain.js';
import type { Part, PartFolder } from './part-folder.js';
import type { SourceFile } from './source-file.js';

/** What is lost with a worker is less than the work on so many chunks. */
const CHUNKS_PER_CHECKPOINT = 8;

/** What an archive is made of. */
export interface Materials {
  source: SourceFile;
  folder: PartFolder;
  codec: Codec;
  effectsFile: string | undefined;
}

/** One attempt at an archive: a state that grows chunk by chunk, and is saved every few of them and before the attempt stops. */
export class Archiving {
  #saved: ArchiveState;

  private constructor(
    private readonly context: TaskContext,
    private readonly materials: Materials,
    public state: ArchiveState,
  ) {
    this.#saved = state;
  }

  /** Goes on from the last checkpoint, if its parts are here; else begins with the first chunk. */
  static async begin(context: TaskContext, materials: Materials): Promise<Archiving> {
    const { source, folder } = materials;
    const saved = stateIn(context.resumedFrom);
    if (saved) await source.refuseChanged(saved.source);
    const parts = (await folder.parts()).filter(({ number }) => number < (saved?.chunks ?? 0));
    const areHere = saved !== undefined && isArchiveOf(saved, parts);
    if (saved && !areHere)
      context.log.warn({ chunks: saved.chunks }, 'The parts of the last checkpoint are not here');
    await folder.keepOnly(areHere ? parts : []);
    return new Archiving(context, materials, areHere ? saved : fromStart(source.version));
  }

  async compress(): Promise<void> {
    const { source, folder, codec, effectsFile } = this.materials;
    while (this.state.chunks < source.chunks) {
      await this.#stopIfTold();
      const { chunks: number, archived_bytes, root } = this.state;
      noteChunk(effectsFile, this.context, number);
      const chunk = await source.read(number);
      const hash = sha256(chunk);
      const content = await codec.compress(chunk);
      await folder.write({ number, sha256: hash }, content);
      await this.#did('compressing', number + 1, {
        chunks: number + 1,
        archived_bytes: archived_bytes + content.length,
        root: chained(root, hash),
      });
    }
    await source.refuseChanged();
    await this.#save();
  }

  /** Reads every part back: it must hold what was hashed when the file was read. */
  async verify(): Promise<Part[]> {
    const { folder, codec } = this.materials;
    const parts = await folder.parts();
    if (!isArchiveOf(this.state, parts)) return this.#beginAnew('Parts are missing.');
    for (const part of parts.slice(this.state.verified)) {
      await this.#stopIfTold();
      const content = await folder.read(part);
      const chunk = await codec.decompress(content).catch(() => undefined);
      if (!chunk || sha256(chunk) !== part.sha256)
        return this.#beginAnew(`The part ${part.file} is damaged.`);
      const verified = part.number + 1;
      await this.#did('verifying', verified, {
        verified,
        archived_root: chained(this.state.archived_root, sha256(content)),
      });
    }
    return parts;
  }

  async #did(
    what: 'compressing' | 'verifying',
    current: number,
    change: Partial<ArchiveState>,
  ): Promise<void> {
    this.state = { ...this.state, ...change };
    const total = this.materials.source.chunks;
    // To compress is the first half of the work, to verify the second.
    const percent = ((this.state.chunks + this.state.verified) / (2 * total)) * 100;
    this.context.progress({ current, total, percent, step: `${what} ${current} of ${total}` });
    if (current % CHUNKS_PER_CHECKPOINT === 0) await this.#save();
  }

  async #stopIfTold(): Promise<void> {
    const { signal } = this.context;
    if (!signal.aborted) return;
    await this.#save();
    throw signal.reason;
  }

  async #save(): Promise<void> {
    if (this.state === this.#saved) return;
    // What the checkpoint promises must be on the disk before it is in the log.
    await this.materials.folder.sync();
    await this.context.checkpoint(this.state);
    this.#saved = this.state;
  }

  /** Fails the attempt in such a way that the next one starts at the first chunk. */
  async #beginAnew(fault: string): Promise<never> {
    await this.context.checkpoint(null);
    throw new Error(`${fault} The archive begins anew.`);
  }
}

/** By their names, which cost no reading. */
const isArchiveOf = ({ chunks, root }: ArchiveState, parts: readonly Part[]): boolean =>
  parts.length === chunks && rootOf(parts.map(({ sha256 }) => sha256)) === root;
