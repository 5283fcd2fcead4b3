import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { TaskHandler } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';
import type { JournalWord } from './journal.js';

/** What a task of the chaos tests does; what is left out is nothing. */
export interface AppendLine {
  /** How long it takes; several: each attempt the next one, then the last. */
  ms?: number | number[];
  /** The first so many attempts fail. */
  fail?: number;
  /** Goes on when its signal aborts, but notes it. */
  deaf?: boolean;
  /** Reports progress when it begins. */
  report?: boolean;
  /** Makes the parameters long; over 8 KiB they are not copied from ticket to ticket but named. */
  ballast?: string;
}

/** What it returns: who did it, and how much it was given. */
export interface AppendLineResult {
  token: number;
  parameterBytes: number;
}

/** The queue that the chaos tests use. */
export const CHAOS_QUEUE = 'chaos';

@Injectable()
export class ChaosHandlers {
  readonly #journal = process.env.MILLRACE_TEST_JOURNAL ?? '/dev/null';

  /** Has one side effect that can be counted: it appends lines to a file, see {@link ./journal.ts}. */
  @TaskHandler({
    name: 'append_line',
    queue: CHAOS_QUEUE,
    retry: { max_retries: 3, delay_seconds: 1, backoff_factor: 1, jitter: false },
  })
  async appendLine(task: TaskContext): Promise<AppendLineResult> {
    const { fail = 0, deaf = false, report = false, ...params } = task.params as AppendLine;
    const ms = [params.ms ?? 0].flat().slice(0, task.attempt).at(-1) ?? 0;
    this.#note(task, 'start');
    if (report) task.progress({ percent: 0, message: 'begun' });
    if (deaf) {
      task.signal.addEventListener('abort', () => {
        this.#note(task, 'told');
      });
      await sleep(ms);
    } else if (ms > 0) await this.#waitOrStop(task, ms);
    if (task.attempt <= fail) {
      this.#note(task, 'fail');
      throw new Error(`Planned failure of attempt ${task.attempt}`);
    }
    this.#note(task, 'end');
    return { token: task.fencingToken, parameterBytes: JSON.stringify(task.params).length };
  }

  async #waitOrStop(task: TaskContext, ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: task.signal });
    } catch {
      this.#note(task, 'told');
      throw task.signal.reason as Error;
    }
  }

  /** Synchronously, so that a line that was written survives whatever happens to the process the moment after. */
  #note({ taskId, attempt, fencingToken }: TaskContext, word: JournalWord): void {
    appendFileSync(
      this.#journal,
      `${taskId} ${attempt} ${fencingToken} ${process.pid} ${word} ${Date.now()}\n`,
    );
  }
}

@Module({ providers: [ChaosHandlers] })
export default class ChaosHandlersModule {}
