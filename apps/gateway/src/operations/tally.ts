import type { Logger } from '@millrace/runtime';
import { internalProblem, problemOf } from '../http/problem-of.js';

const REFUSED_SHOWN = 1_000;
const UNAVAILABLE = 503;

export interface Refused {
  task_id: string;
  detail: string;
}

/** What an operation has come to so far. */
export interface Counts {
  matched: number;
  done: number;
  refused: number;
  has_more: boolean;
}

/** A task is not any more what the operation is about: the read model may be behind. */
export class MovedOn extends Error {}

/** Counts what becomes of the tasks of an operation. */
export class Tally {
  matched = 0;
  done = 0;
  hasMore = false;
  /** The first so many. */
  readonly refused: Refused[] = [];
  readonly #failed = new AbortController();
  #refusedCount = 0;
  #failure: { error: unknown; detail: string } | undefined;

  constructor(private readonly logger: Logger) {}

  /** Aborts when the next task would fail, too. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Why it failed. */
  get failure(): string | undefined {
    return this.#failure?.detail;
  }

  get refusedCount(): number {
    return this.#refusedCount;
  }

  get counts(): Counts {
    const { matched, done, refusedCount: refused, hasMore: has_more } = this;
    return { matched, done, refused, has_more };
  }

  /** What a task could not be done with: a refusal is its own, an outage is everybody's. */
  judge(taskId: string, error: unknown): void {
    if (error instanceof MovedOn) {
      this.#refuse(taskId, error.message);
      return;
    }
    const foreseen = problemOf(error)?.body;
    if (foreseen?.status === UNAVAILABLE) {
      this.matched--;
      this.fail(error);
      return;
    }
    if (!foreseen) this.logger.error({ err: error, task_id: taskId }, 'An action on a task failed');
    this.#refuse(taskId, (foreseen ?? internalProblem().body).detail);
  }

  fail(error: unknown): void {
    this.#failure ??= { error, detail: (problemOf(error) ?? internalProblem()).body.detail };
    this.hasMore = true;
    this.#failed.abort();
  }

  /** @throws the failure when it was all that came of it */
  throwIfNothingCame(): void {
    if (this.#failure && this.matched === 0) throw this.#failure.error;
  }

  #refuse(task_id: string, detail: string): void {
    this.#refusedCount++;
    if (this.refused.length < REFUSED_SHOWN) this.refused.push({ task_id, detail });
  }
}
