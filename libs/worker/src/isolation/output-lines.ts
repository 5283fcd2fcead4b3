import type { Readable } from 'node:stream';

/** A longer line is cut into pieces of so many characters: a handler may print without ever ending a line. */
const MAX_LENGTH = 8 * 1024;
const REMEMBERED_LINES = 20;

/** Reads a stream line by line, in bounded memory. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) cut(line).forEach(onLine);
    if (rest.length < MAX_LENGTH) return;
    cut(rest).forEach(onLine);
    rest = '';
  });
  stream.on('end', () => {
    if (rest !== '') cut(rest).forEach(onLine);
  });
  // A broken pipe ends the stream; why is told by the end of the process.
  stream.on('error', () => undefined);
}

/** The last lines of a process. */
export class LastLines {
  #lines: string[] = [];

  add(line: string): void {
    if (line.trim() === '') return;
    this.#lines.push(line);
    if (this.#lines.length > REMEMBERED_LINES) this.#lines.shift();
  }

  /** What an earlier task printed must not explain the failure of a later one. */
  forget(): void {
    this.#lines = [];
  }

  get all(): readonly string[] {
    return this.#lines;
  }
}

function cut(line: string): string[] {
  if (line.length <= MAX_LENGTH) return [line];
  const pieces: string[] = [];
  for (let at = 0; at < line.length; at += MAX_LENGTH) pieces.push(line.slice(at, at + MAX_LENGTH));
  return pieces;
}
