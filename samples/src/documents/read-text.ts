import { open } from 'node:fs/promises';

/** The text of a file, or why it is left out. */
export type ReadText = { text: string; bytes: number } | { skipped: string };

/** A larger file is data rather than a document, and reading its Markdown would hold the event loop for too long. */
export const MAX_DOCUMENT_BYTES = 1024 * 1024;

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'gone before it was read',
  EACCES: 'not readable by the worker',
  EPERM: 'not readable by the worker',
  ELOOP: 'a link in a circle',
};

/** Reads UTF-8 text. What is no text is skipped with a reason; a failing disk throws. */
export async function readText(file: string): Promise<ReadText> {
  try {
    const handle = await open(file);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return { skipped: 'not a file' };
      if (stat.size > MAX_DOCUMENT_BYTES) return { skipped: `larger than ${MAX_DOCUMENT_BYTES} bytes` };
      return decode(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (error) {
    const reason = UNREADABLE[(error as NodeJS.ErrnoException).code ?? ''];
    if (reason === undefined) throw error;
    return { skipped: reason };
  }
}

function decode(content: Buffer): ReadText {
  if (content.includes(0)) return { skipped: 'binary' };
  try {
    return {
      text: new TextDecoder('utf-8', { fatal: true }).decode(content).replace(/\r\n?/g, '\n'),
      bytes: content.length,
    };
  } catch {
    return { skipped: 'not UTF-8 text' };
  }
}
