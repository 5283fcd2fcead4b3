import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { TaskHandler, UnrecoverableError } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';
import { z } from 'zod';
import type { SamplesConfig } from '../config.js';
import { SAMPLES_CONFIG } from '../samples.constants.js';
import { Archiving } from './archiving.js';
import { CODECS } from './codecs.js';
import { PartFolder } from './part-folder.js';
import { SourceFile } from './source-file.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const MAX_CHUNKS = 100_000;

const ArchiveParams = z.strictObject({
  path: z.string().min(1).max(500).describe('The file, relative to the documents folder'),
  chunk_bytes: z
    .int()
    .min(4 * KIB)
    // To hash a chunk holds the event loop for about 2 ms per MiB.
    .max(8 * MIB)
    .default(MIB)
    .describe('Bytes of the file in one part'),
  codec: z.enum(['gzip', 'brotli']).default('gzip').describe('How the parts are compressed'),
});
type ArchiveParams = z.output<typeof ArchiveParams>;

/** Compresses a large file into parts, and goes on where the last checkpoint was when it is interrupted anywhere. */
@Injectable()
export class FileArchiveHandler {
  constructor(@Inject(SAMPLES_CONFIG) private readonly config: SamplesConfig) {}

  @TaskHandler({
    name: 'file_archive',
    queue: 'archive',
    params: ArchiveParams,
    description: 'Compresses a large file into verified parts; resumes from its checkpoints.',
    // It compresses and hashes for minutes: neighbours and heartbeats must not wait for that.
    isolation: 'process',
  })
  async archive(context: TaskContext<ArchiveParams>) {
    const { path, codec, chunk_bytes } = context.params;
    const source = await SourceFile.find(this.config.documentsRoot, path, chunk_bytes);
    if (source.chunks > MAX_CHUNKS) throw tooMany(source.chunks, chunk_bytes);
    const folder = new PartFolder(
      join(this.config.resultsDir, context.taskId),
      CODECS[codec].extension,
      context.fencingToken,
    );
    const archiving = await Archiving.begin(context, {
      source,
      folder,
      codec: CODECS[codec],
      effectsFile: this.config.effectsFile,
    });
    await archiving.compress();
    const parts = await archiving.verify();
    const { archived_bytes, root, archived_root } = archiving.state;
    const { bytes } = source.version;
    const ratio = archived_bytes === 0 ? 1 : Math.round((bytes / archived_bytes) * 1000) / 1000;
    const about = { path, codec, chunk_bytes, bytes, archived_bytes, ratio, root, archived_root };
    const index = await folder.writeIndex({
      ...about,
      parts: parts.map(({ file, sha256 }) => ({ file, sha256 })),
    });
    return { ...about, parts: parts.length, index };
  }
}

const tooMany = (chunks: number, chunkBytes: number): UnrecoverableError =>
  new UnrecoverableError(
    `The file has ${chunks} chunks of ${chunkBytes} bytes; at most ${MAX_CHUNKS} are archived: choose larger ones.`,
  );
