import { readFileSync, writeFileSync } from 'node:fs';

/** What an attempt did: began, was told to stop, failed as planned, reached its end. */
export type JournalWord = 'start' | 'told' | 'fail' | 'end';

/** One side effect of a handler. */
export interface JournalLine {
  taskId: string;
  attempt: number;
  /** The fencing token. */
  token: number;
  pid: number;
  word: JournalWord;
  at: number;
}

/** The file into which the chaos handlers write: what really happened, whatever the log says. */
export class Journal {
  constructor(readonly path: string) {
    writeFileSync(path, '');
  }

  /** All lines so far, in the order in which they were written. */
  lines(): JournalLine[] {
    return readFileSync(this.path, 'utf8').split('\n').filter(Boolean).map(parseLine);
  }

  /** The lines of one task. */
  of(taskId: string): JournalLine[] {
    return this.lines().filter((line) => line.taskId === taskId);
  }
}

function parseLine(text: string): JournalLine {
  const [taskId = '', attempt, token, pid, word, at] = text.split(' ');
  return {
    taskId,
    attempt: Number(attempt),
    token: Number(token),
    pid: Number(pid),
    word: word as JournalWord,
    at: Number(at),
  };
}
