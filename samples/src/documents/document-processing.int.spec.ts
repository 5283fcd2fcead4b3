import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { testHandler } from '@millrace/worker/testkit';
import { DocumentProcessingHandler } from './document-processing.handler.js';
import { SearchIndex } from './search-index.js';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
const folders: string[] = [];

async function setup(files: Record<string, string | Buffer>) {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-documents-'));
  folders.push(folder);
  const documentsRoot = join(folder, 'root');
  const resultsDir = join(folder, 'results');
  for (const [path, content] of Object.entries({ 'root/.keep': '', ...files })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return { documentsRoot, resultsDir, ...kitOf(documentsRoot, resultsDir) };
}

type Result = Awaited<ReturnType<DocumentProcessingHandler['process']>>;

function kitOf(documentsRoot: string, resultsDir: string) {
  const kit = testHandler(new DocumentProcessingHandler({ documentsRoot, resultsDir }), 'process');
  const ended = async (paths: string[]) => {
    const task = kit.submit({ paths });
    await task.until('ended');
    return task;
  };
  return {
    kit,
    run: async (...paths: string[]) => {
      const { result, error } = await ended(paths);
      if (error) throw new Error(error.message);
      return result as unknown as Result;
    },
    errorOf: async (...paths: string[]) => (await ended(paths)).error,
  };
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

describe('document_processing', () => {
  it('describes every document and writes an index that finds them', async () => {
    const { kit, resultsDir } = await setup({
      'root/a.md': '# Rivers\n\nWater turns the wheel.\n\n```sh\nmillrace --start\n```\n',
      'root/deep/b.txt': 'Вода вращает колесо. 水は車を回す。',
    });
    const task = kit.submit({ paths: ['**/*.{md,txt}'] });
    await task.until('succeeded');
    const result = task.result as unknown as Result;

    expect(result.documents.map(({ path, title }) => [path, title])).toEqual([
      ['a.md', 'Rivers'],
      ['deep/b.txt', 'deep/b.txt'],
    ]);
    expect(result.totals).toMatchObject({ documents: 2, skipped: 0, sentences: 4, headings: 1 });
    expect(task.progress).toEqual([
      { current: 1, total: 2, percent: 50, step: 'a.md' },
      { current: 2, total: 2, percent: 100, step: 'deep/b.txt' },
    ]);

    const file = join(resultsDir, 'task-1', 'search-index.json');
    expect(result.index).toEqual({ file, documents: 2, terms: expect.any(Number) });
    const index = SearchIndex.parse(await readFile(file, 'utf8'));
    expect(index.search('WHEELS wheel')).toEqual([{ path: 'a.md', title: 'Rivers' }]);
    expect(index.search('millrace')).toEqual([{ path: 'a.md', title: 'Rivers' }]);
    expect(index.search('колесо').map(({ path }) => path)).toEqual(['deep/b.txt']);
    expect(index.search('水').map(({ path }) => path)).toEqual(['deep/b.txt']);
  });

  it('overwrites the index with the same bytes when it is run again, and leaves nothing else', async () => {
    const { run, resultsDir } = await setup({ 'root/a.md': '# A\n', 'root/b.md': 'b' });
    const { file } = (await run('*.md')).index;
    const first = await readFile(file, 'utf8');
    await run('*.md');
    expect(await readFile(file, 'utf8')).toBe(first);
    expect(await readdir(join(resultsDir, 'task-1'))).toEqual(['search-index.json']);
  });

  it('takes a folder for all in it, and leaves out what a ! names', async () => {
    const { run } = await setup({ 'root/docs/a.md': 'a', 'root/docs/b.md': 'b', 'root/c.md': 'c' });
    const { documents } = await run('docs', '!docs/b.md');
    expect(documents.map(({ path }) => path)).toEqual(['docs/a.md']);
  });

  it('never reads hidden files, built ones or packages', async () => {
    const { run } = await setup({
      'root/a.md': 'a',
      'root/.env': 'SECRET=1',
      'root/.millrace/b.md': 'b',
      'root/node_modules/c/README.md': 'c',
      'root/lib/dist/d.md': 'd',
    });
    const { documents } = await run('**/*', '.env', '.millrace/*.md', 'node_modules/c/README.md');
    expect(documents.map(({ path }) => path)).toEqual(['a.md']);
  });

  it('skips what is no text, with the reason', async () => {
    const { run } = await setup({
      'root/a.md': 'a',
      'root/binary.txt': Buffer.from([1, 0, 2]),
      'root/latin.txt': Buffer.from('caf\xe9', 'latin1'),
      'root/large.txt': 'x'.repeat(1024 * 1024 + 1),
    });
    const { documents, skipped, totals } = await run('*');
    expect(documents.map(({ path }) => path)).toEqual(['a.md']);
    expect(skipped).toEqual([
      { path: 'binary.txt', reason: 'binary' },
      { path: 'large.txt', reason: 'larger than 1048576 bytes' },
      { path: 'latin.txt', reason: 'not UTF-8 text' },
    ]);
    expect(totals).toMatchObject({ documents: 1, skipped: 3 });
  });

  it.each(['../x.md', 'a/../../x.md', '{..,a}/x.md', '/etc/passwd', 'C:\\x.md', '..\\x.md', '!../x.md'])(
    'refuses %s for good',
    async (path) => {
      const { errorOf } = await setup({ 'root/a.md': 'a', 'x.md': 'x' });
      expect(await errorOf('a.md', path)).toMatchObject({
        name: 'UnrecoverableError',
        message: expect.stringContaining(`The path ${path} leaves the documents folder`),
      });
    },
  );

  it('refuses links out of the root, to files and through folders', async () => {
    const { run, documentsRoot } = await setup({ 'root/a.md': 'a', 'outside/x.md': 'x' });
    await symlink('../outside', join(documentsRoot, 'folder'));
    await expect(run('folder/*.md')).rejects.toThrow('is a link that leaves the documents folder');
    await symlink('../outside/x.md', join(documentsRoot, 'file.md'));
    await expect(run('*.md')).rejects.toThrow('The path file.md is a link that leaves the documents folder.');
  });

  it('reads links that stay inside, and leaves out those that lead nowhere', async () => {
    const { run, documentsRoot } = await setup({ 'root/a.md': 'a' });
    await symlink('a.md', join(documentsRoot, 'b.md'));
    await symlink('gone.md', join(documentsRoot, 'c.md'));
    const { documents } = await run('*.md');
    expect(documents.map(({ path }) => path)).toEqual(['a.md', 'b.md']);
  });

  it('fails for good when nothing matches, naming the globs', async () => {
    const { errorOf } = await setup({});
    expect(await errorOf('docs/*.md', '*.txt')).toMatchObject({
      name: 'UnrecoverableError',
      message: expect.stringContaining('matches docs/*.md, *.txt.'),
    });
  });

  it('stops between two documents, and writes nothing', async () => {
    const { kit, resultsDir } = await setup({ 'root/a.md': 'a', 'root/b.md': 'b' });
    const task = kit.submit({ paths: ['*.md'] });
    task.when(
      () => task.progress.length === 1,
      () => task.cancel(),
    );
    await task.until('cancelled');
    await task.handlerEnded();
    expect(task.progress).toHaveLength(1);
    await expect(readdir(resultsDir)).rejects.toThrow('ENOENT');
  });

  it('reads the documents of this project', async () => {
    const { resultsDir } = await setup({});
    const { run } = kitOf(PROJECT, resultsDir);
    const { totals } = await run('**/*.md');
    expect(totals.documents).toBeGreaterThan(5);
  });
});
