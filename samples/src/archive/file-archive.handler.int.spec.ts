import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { TaskCancelledError, TaskPausedError, UnrecoverableError } from '@millrace/worker';
import type { Json, TaskContext } from '@millrace/worker';
import { recordedContext } from '../recorded-context.specification.js';
import { FileArchiveHandler } from './file-archive.handler.js';

const CHUNK = 4096;
type Given = Partial<TaskContext<{ path: string; chunk_bytes: number; codec: 'gzip' | 'brotli' }>>;
const folders: string[] = [];

/** Half of it cannot be compressed; the last chunk is a short one. */
const content = Buffer.concat([randomBytes(20 * CHUNK), Buffer.alloc(19 * CHUNK + 123, 'millrace ')]);
const CHUNKS = 40;

async function setup(files: Record<string, string | Buffer> = { 'film.raw': content }) {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-archive-'));
  folders.push(folder);
  const documentsRoot = join(folder, 'root');
  const parts = join(folder, 'results', 'task-1');
  const effectsFile = join(folder, 'effects');
  await mkdir(documentsRoot);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(documentsRoot, path)), { recursive: true });
    await writeFile(join(documentsRoot, path), text);
  }
  const handler = new FileArchiveHandler({ documentsRoot, resultsDir: join(folder, 'results'), effectsFile });
  const saved: Json[] = [];
  const contextFor = (given: Given = {}, path = 'film.raw', codec: 'gzip' | 'brotli' = 'gzip') =>
    recordedContext(
      { path, chunk_bytes: CHUNK, codec },
      {
        checkpoint: (state) => {
          saved.push(state);
          return Promise.resolve();
        },
        ...given,
      },
    );
  const run = (given?: Given, path?: string) => handler.archive(contextFor(given, path).context);
  const chunksOf = async (token: number): Promise<number[]> =>
    (await readFile(effectsFile, 'utf8'))
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, , by]) => by === String(token))
      .map(([, , , chunk]) => Number(chunk));
  /** Name of the file of a part. */
  const partOf = async (number: number): Promise<string> =>
    (await readdir(parts)).find((name) => Number(name.split(/[-.]/)[1]) === number) ?? '';
  return { documentsRoot, parts, partOf, handler, saved, contextFor, run, chunksOf };
}

/** The root of the content, computed another way. */
const rootOf = (bytes: Buffer): string => {
  let root: Buffer = Buffer.alloc(32);
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const leaf = createHash('sha256')
      .update(bytes.subarray(at, at + CHUNK))
      .digest();
    root = createHash('sha256')
      .update(Buffer.concat([root, leaf]))
      .digest();
  }
  return root.toString('hex');
};

const upTo = (end: number, from = 0): number[] => Array.from({ length: end - from }, (_, at) => from + at);

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

describe('file_archive', () => {
  it.each([
    ['gzip', gunzipSync, 'gz'],
    ['brotli', brotliDecompressSync, 'br'],
  ] as const)(
    'compresses a file with %s into parts that give it back',
    async (codec, decompress, extension) => {
      const { handler, contextFor, parts } = await setup();
      const { context, reports } = contextFor({}, 'film.raw', codec);
      const result = await handler.archive(context);
      expect(result).toMatchObject({ parts: CHUNKS, bytes: content.length, root: rootOf(content), codec });
      expect(result.ratio).toBeGreaterThan(1.5);
      const index = JSON.parse(await readFile(result.index, 'utf8')) as {
        root: string;
        parts: { file: string }[];
      };
      expect(index.root).toBe(result.root);
      expect(index.parts[0]?.file).toMatch(new RegExp(`^part-000000\\.[0-9a-f]{64}\\.${extension}$`));
      const read = await Promise.all(index.parts.map(({ file }) => readFile(join(parts, file))));
      expect(Buffer.concat(read.map((part) => decompress(part))).equals(content)).toBe(true);
      expect(await readdir(parts)).toHaveLength(CHUNKS + 1);
      expect(reports).toHaveLength(2 * CHUNKS);
      expect(reports.at(-1)).toEqual({ current: 40, total: 40, percent: 100, step: 'verifying 40 of 40' });
    },
  );

  it('saves a small checkpoint every few chunks, those that it verifies too', async () => {
    const { run, saved } = await setup();
    await run();
    const places = saved.map((state) => state as { chunks: number; verified: number });
    expect(places.map(({ chunks }) => chunks)).toEqual([8, 16, 24, 32, 40, 40, 40, 40, 40, 40]);
    expect(places.map(({ verified }) => verified)).toEqual([0, 0, 0, 0, 0, 8, 16, 24, 32, 40]);
    expect(JSON.stringify(saved.at(-1)).length).toBeLessThan(350);
  });

  it('goes on from each of its checkpoints, touches no chunk before it, and comes to the same root', async () => {
    const { run, saved, chunksOf } = await setup();
    const { root, archived_root, archived_bytes } = await run();
    for (const [at, resumedFrom] of [...saved].entries()) {
      const fencingToken = 100 + at;
      const result = await run({ resumedFrom, fencingToken });
      expect(result).toMatchObject({ root, archived_root, archived_bytes, parts: CHUNKS });
      expect(await chunksOf(fencingToken)).toEqual(upTo(CHUNKS, (resumedFrom as { chunks: number }).chunks));
    }
  });

  it('goes on after it broke off at any chunk', async () => {
    const { contextFor, handler, saved, run, chunksOf } = await setup();
    for (const broken of [1, 7, 8, 9, 23, 39]) {
      saved.length = 0;
      const { context } = contextFor();
      let chunks = 0;
      const progress: typeof context.progress = () => {
        if (++chunks === broken) throw new Error('the disk is gone');
      };
      await expect(handler.archive({ ...context, progress })).rejects.toThrow('the disk is gone');
      const fencingToken = 1000 + broken;
      const resumedFrom = saved.at(-1);
      // Chunk 8 breaks off before its checkpoint.
      const resumedAt = 8 * Math.floor((broken - 1) / 8);
      expect(resumedFrom ?? { chunks: 0 }).toMatchObject({ chunks: resumedAt });
      expect(await run({ resumedFrom, fencingToken })).toMatchObject({ root: rootOf(content) });
      expect(await chunksOf(fencingToken)).toEqual(upTo(CHUNKS, resumedAt));
    }
  });

  it.each([new TaskPausedError('over night'), new TaskCancelledError('cancelled')])(
    'saves what it has and stops when its signal aborts: $name',
    async (reason) => {
      const { contextFor, handler, saved, run, chunksOf } = await setup();
      const { context, reports, stop } = contextFor();
      const progress: typeof context.progress = (report) => {
        context.progress(report);
        if (reports.length === 11) stop(reason);
      };
      await expect(handler.archive({ ...context, progress })).rejects.toBe(reason);
      expect(saved.at(-1)).toMatchObject({ chunks: 11 });
      expect(await run({ resumedFrom: saved.at(-1), fencingToken: 2 })).toMatchObject({
        root: rootOf(content),
      });
      expect(await chunksOf(2)).toEqual(upTo(CHUNKS, 11));
    },
  );

  it('removes what lost attempts left behind, but not what a later one writes', async () => {
    const { run, parts } = await setup();
    await mkdir(parts, { recursive: true });
    const stray = `part-000007.${'a'.repeat(64)}.gz`;
    for (const name of [stray, `${stray}.4.tmp`, `${stray}.10.tmp`, 'part-000099.br'])
      await writeFile(join(parts, name), 'half');
    await run({ fencingToken: 9 });
    const left = await readdir(parts);
    expect(left.filter((name) => name.endsWith('.tmp'))).toEqual([`${stray}.10.tmp`]);
    expect(left).toHaveLength(CHUNKS + 2);
  });

  it('begins at the start when the parts of its checkpoint are not here', async () => {
    const { run, saved, parts, partOf, chunksOf } = await setup();
    await run();
    await rm(join(parts, await partOf(2)));
    expect(await run({ resumedFrom: saved.at(-1), fencingToken: 2 })).toMatchObject({
      root: rootOf(content),
    });
    expect(await chunksOf(2)).toEqual(upTo(CHUNKS));
  });

  it.each([
    ['is damaged', () => Buffer.from('nonsense')],
    ['holds something else', () => gzipSync(Buffer.alloc(CHUNK, 'x'))],
  ])('notices a part that %s, and begins anew', async (_what, damage) => {
    const { run, saved, parts, partOf } = await setup();
    await run();
    const compressed = saved[4];
    await writeFile(join(parts, await partOf(2)), damage());
    await expect(run({ resumedFrom: compressed })).rejects.toThrow(
      /part-000002\..* is damaged.* begins anew/,
    );
    expect(saved.at(-1)).toBeNull();
    expect(await run({ resumedFrom: null })).toMatchObject({ root: rootOf(content) });
  });

  it('fails for good when the file changes between its attempts', async () => {
    const { run, saved, documentsRoot } = await setup();
    await run();
    await truncate(join(documentsRoot, 'film.raw'), 10 * CHUNK);
    const running = run({ resumedFrom: saved[1] });
    await expect(running).rejects.toThrow(UnrecoverableError);
    await expect(running).rejects.toThrow('film.raw has changed while it was archived');
  });

  it('archives an empty file', async () => {
    const { run } = await setup({ 'film.raw': '' });
    expect(await run()).toMatchObject({ parts: 0, bytes: 0, ratio: 1, root: rootOf(Buffer.alloc(0)) });
  });

  it.each([
    ['../secret', 'leaves the documents folder'],
    ['/etc/passwd', 'leaves the documents folder'],
    ['link', 'is a link that leaves the documents folder'],
    ['.env', 'is hidden'],
    ['deep/.git/config', 'is hidden'],
    ['gone.raw', 'gone.raw does not exist'],
    ['deep', 'deep is no file'],
  ])('refuses %s for good', async (path, told) => {
    const { run, documentsRoot } = await setup({
      'film.raw': 'a',
      '.env': 'SECRET=1',
      'deep/.git/config': 'a',
    });
    await symlink('/etc/hosts', join(documentsRoot, 'link'));
    const running = run({}, path);
    await expect(running).rejects.toThrow(UnrecoverableError);
    await expect(running).rejects.toThrow(told);
  });
});
