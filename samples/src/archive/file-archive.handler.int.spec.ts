import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { testHandler } from '@millrace/worker/testkit';
import type { TestRun } from '@millrace/worker/testkit';
import { FileArchiveHandler } from './file-archive.handler.js';

const CHUNK = 4096;
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
  const kit = testHandler(handler, 'archive');
  const submit = (given: { path?: string; codec?: string } = {}): TestRun =>
    kit.submit({ path: 'film.raw', chunk_bytes: CHUNK, ...given });
  /** A run that was paused when it had done so many chunks, those that it verifies too. */
  const paused = async (chunks: number): Promise<TestRun> => {
    const run = submit();
    run.when(
      () => run.progress.length === chunks,
      () => run.pause('over night'),
    );
    await run.until('paused');
    return run;
  };
  /** What the last attempt has compressed. */
  const chunksOf = async (run: TestRun): Promise<number[]> =>
    (await readFile(effectsFile, 'utf8'))
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, , by]) => by === String(run.events.findLast(({ kind }) => kind === 'started')?.sequence))
      .map(([, , , chunk]) => Number(chunk));
  /** Name of the file of a part. */
  const partOf = async (number: number): Promise<string> =>
    (await readdir(parts)).find((name) => Number(name.split(/[-.]/)[1]) === number) ?? '';
  return { documentsRoot, parts, partOf, submit, paused, chunksOf };
}

const savedBy = (run: TestRun) =>
  run.events.flatMap((fact) =>
    fact.kind === 'checkpoint' ? [fact.data.state as { chunks: number; verified: number } | null] : [],
  );

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
      const { submit, parts } = await setup();
      const run = submit({ codec });
      await run.until('succeeded');
      const result = run.result as { ratio: number; index: string; root: string };
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
      expect(run.progress).toHaveLength(2 * CHUNKS);
      expect(run.progress.at(-1)).toEqual({
        current: 40,
        total: 40,
        percent: 100,
        step: 'verifying 40 of 40',
      });
    },
  );

  it('saves a small checkpoint every few chunks, those that it verifies too', async () => {
    const { submit } = await setup();
    const run = submit();
    await run.until('succeeded');
    const saved = savedBy(run);
    expect(saved.map((state) => state?.chunks)).toEqual([8, 16, 24, 32, 40, 40, 40, 40, 40, 40]);
    expect(saved.map((state) => state?.verified)).toEqual([0, 0, 0, 0, 0, 8, 16, 24, 32, 40]);
    expect(JSON.stringify(saved.at(-1)).length).toBeLessThan(350);
  });

  it.each(upTo(11, 1))('goes on from checkpoint %i when its worker is lost there', async (checkpoints) => {
    const { submit, chunksOf } = await setup();
    const run = submit();
    run.when(
      () => savedBy(run).length === checkpoints,
      () => run.crash(),
    );
    await run.until('succeeded');
    expect(run.attempts.map(({ end }) => end)).toEqual(['lost', 'succeeded']);
    expect(run.result).toMatchObject({ root: rootOf(content), parts: CHUNKS });
    expect(await chunksOf(run)).toEqual(upTo(CHUNKS, Math.min(8 * checkpoints, CHUNKS)));
  });

  it.each([1, 7, 8, 9, 23, 39])('goes on after it broke off at chunk %i', async (broken) => {
    const { submit, chunksOf } = await setup();
    const run = submit();
    run.when(
      () => run.progress.length === broken,
      () => {
        throw new Error('the disk is gone');
      },
    );
    await run.until('scheduled');
    expect(run.error?.message).toBe('the disk is gone');
    await run.advance({ minutes: 1 });
    expect(run.result).toMatchObject({ root: rootOf(content) });
    // Chunk 8 breaks off before its checkpoint.
    expect(await chunksOf(run)).toEqual(upTo(CHUNKS, 8 * Math.floor((broken - 1) / 8)));
  });

  it('saves what it has when it is paused', async () => {
    const { paused, chunksOf } = await setup();
    const run = await paused(11);
    expect(savedBy(run).at(-1)).toMatchObject({ chunks: 11 });
    run.resume();
    await run.until('succeeded');
    expect(run.result).toMatchObject({ root: rootOf(content) });
    expect(await chunksOf(run)).toEqual(upTo(CHUNKS, 11));
  });

  it('saves what it has when its worker stops', async () => {
    const { submit, chunksOf } = await setup();
    const run = submit();
    run.when(
      () => run.progress.length === 11,
      () => run.stopWorker(),
    );
    await run.until('succeeded');
    expect(run.attempts.map(({ end }) => end)).toEqual(['yielded', 'succeeded']);
    expect(await chunksOf(run)).toEqual(upTo(CHUNKS, 11));
  });

  it('stops when it is cancelled', async () => {
    const { submit } = await setup();
    const run = submit();
    run.when(
      () => run.progress.length === 11,
      () => run.cancel(),
    );
    await run.until('cancelled');
    await run.handlerEnded();
    expect(run.progress).toHaveLength(11);
    expect(run.kinds.at(-1)).toBe('cancelled');
  });

  it('removes what lost attempts left behind, but not what a later one writes', async () => {
    const { submit, parts } = await setup();
    await mkdir(parts, { recursive: true });
    const stray = `part-000007.${'a'.repeat(64)}.gz`;
    for (const name of [stray, `${stray}.1.tmp`, `${stray}.10.tmp`, 'part-000099.br'])
      await writeFile(join(parts, name), 'half');
    await submit().until('succeeded');
    const left = await readdir(parts);
    expect(left.filter((name) => name.endsWith('.tmp'))).toEqual([`${stray}.10.tmp`]);
    expect(left).toHaveLength(CHUNKS + 2);
  });

  it('begins at the start when the parts of its checkpoint are not here', async () => {
    const { paused, parts, partOf, chunksOf } = await setup();
    const run = await paused(11);
    await rm(join(parts, await partOf(2)));
    run.resume();
    await run.until('succeeded');
    expect(run.result).toMatchObject({ root: rootOf(content) });
    expect(await chunksOf(run)).toEqual(upTo(CHUNKS));
  });

  it.each([
    ['is damaged', () => Buffer.from('nonsense')],
    ['holds something else', () => gzipSync(Buffer.alloc(CHUNK, 'x'))],
  ])('notices a part that %s, and begins anew', async (_what, damage) => {
    const { paused, parts, partOf } = await setup();
    const run = await paused(CHUNKS);
    await writeFile(join(parts, await partOf(2)), damage());
    run.resume();
    await run.until('scheduled');
    expect(run.error?.message).toMatch(/part-000002\..* is damaged.* begins anew/);
    expect(savedBy(run).at(-1)).toBeNull();
    await run.advance({ minutes: 1 });
    expect(run.result).toMatchObject({ root: rootOf(content) });
  });

  it('fails for good when the file changes between its attempts', async () => {
    const { paused, documentsRoot } = await setup();
    const run = await paused(11);
    await truncate(join(documentsRoot, 'film.raw'), 10 * CHUNK);
    run.resume();
    await run.until('failed');
    expect(run.error).toMatchObject({
      name: 'UnrecoverableError',
      message: expect.stringContaining('film.raw has changed while it was archived'),
    });
  });

  it('archives an empty file', async () => {
    const { submit } = await setup({ 'film.raw': '' });
    const run = submit();
    await run.until('succeeded');
    expect(run.result).toMatchObject({ parts: 0, bytes: 0, ratio: 1, root: rootOf(Buffer.alloc(0)) });
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
    const { submit, documentsRoot } = await setup({
      'film.raw': 'a',
      '.env': 'SECRET=1',
      'deep/.git/config': 'a',
    });
    await symlink('/etc/hosts', join(documentsRoot, 'link'));
    const run = submit({ path });
    await run.until('failed');
    expect(run.error).toMatchObject({
      name: 'UnrecoverableError',
      message: expect.stringContaining(told),
    });
  });
});
