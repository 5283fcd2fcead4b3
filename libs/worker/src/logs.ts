import { hostname } from 'node:os';
import type { LogLine, TaskLog } from '@millrace/log';
import { tappedChild } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';

/** So many lines a second are kept of one worker; a handler that logs in a tight loop must not fill the store. */
export const LINES_PER_SECOND = 500;
const WINDOW_MS = 1_000;
/** So many tasks are told how many of their lines were dropped in a window. */
const NOTICES_AT_MOST = 100;

/** Whose lines they are. */
export interface LoggedTask {
  queue: string;
  taskId: string;
  taskName: string;
  attempt: number;
  correlationId: string | undefined;
}

/** The logger of a handler: its lines carry the task, and are also kept beside it. */
export function taskLogger(base: Logger, task: LoggedTask, sink: LineSink): Logger {
  const { taskId, taskName, attempt, correlationId } = task;
  const bindings = {
    task_id: taskId,
    task_name: taskName,
    attempt,
    ...(correlationId !== undefined && { correlation_id: correlationId }),
  };
  const onEveryLine = { ...ON_ALL_LINES, ...base.bindings(), ...bindings };
  return tappedChild(base, bindings, (text) => {
    sink.write(task, text, onEveryLine);
  });
}

/** Keeps what handlers log: at once and without waiting, but no more than so many lines a second; the rest is counted. */
export class LineSink {
  #windowEnds = 0;
  #left = 0;
  #dropped = new Map<string, { task: LoggedTask; lines: number }>();
  #notice: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: Pick<TaskLog, 'writeLine'>,
    private readonly worker: string,
  ) {}

  /**
   * @param text the line as pino wrote it
   * @param onEveryLine what is no news: it is left out of the fields
   */
  write(task: LoggedTask, text: string, onEveryLine: Readonly<Record<string, unknown>>): void {
    if (performance.now() >= this.#windowEnds) this.#turn();
    // Before it is read: what is dropped must be cheap.
    if (this.#left === 0) this.#drop(task);
    else this.#keep(task, lineOf(text, onEveryLine));
  }

  /** Tells what was dropped, now. */
  close(): void {
    this.#turn();
  }

  #keep(task: LoggedTask, line: Pick<LogLine, 'level' | 'message' | 'fields'>): void {
    this.#left--;
    const { queue, taskId, attempt } = task;
    this.log.writeLine(
      { queue, task_id: taskId },
      { at: new Date().toISOString(), ...line, attempt, worker: this.worker },
    );
  }

  #drop(task: LoggedTask): void {
    this.#notice ??= setTimeout(() => this.#turn(), WINDOW_MS).unref();
    const dropped = this.#dropped.get(task.taskId);
    if (dropped) dropped.lines++;
    else if (this.#dropped.size < NOTICES_AT_MOST) this.#dropped.set(task.taskId, { task, lines: 1 });
  }

  /** A new window begins; it is opened by the notices of the one before. */
  #turn(): void {
    clearTimeout(this.#notice);
    this.#notice = undefined;
    this.#windowEnds = performance.now() + WINDOW_MS;
    this.#left = LINES_PER_SECOND;
    const dropped = this.#dropped;
    this.#dropped = new Map();
    for (const { task, lines } of dropped.values()) {
      const message = `${lines} line${lines === 1 ? ' was' : 's were'} dropped: this worker keeps ${LINES_PER_SECOND} a second.`;
      this.#keep(task, { level: 'warn', message, fields: { dropped: lines } });
    }
  }
}

/** What pino adds by itself, and does not count among the bindings. */
const ON_ALL_LINES = { pid: process.pid, hostname: hostname() };

/** A user's own logger may write numbers for levels. */
const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

function lineOf(
  text: string,
  onEveryLine: Readonly<Record<string, unknown>>,
): Pick<LogLine, 'level' | 'message' | 'fields'> {
  const { level, time: _time, msg, ...all } = JSON.parse(text) as Record<string, unknown>;
  return {
    level: typeof level === 'number' ? (LEVELS[level] ?? String(level)) : String(level),
    message: typeof msg === 'string' ? msg : '',
    // A handler may use one of those names for something of its own.
    fields: Object.fromEntries(Object.entries(all).filter(([field, value]) => onEveryLine[field] !== value)),
  };
}
