import { BadCursorError, isDatabaseAway } from '@millrace/read-model';
import { ProblemError } from '../http/problem.js';

/** After a failure Postgres is left alone for so long: requests that can do without it must not wait for it. */
const LEAVE_ALONE_MS = 1_000;
const RETRY_AFTER_SECONDS = 5;

/** Queries that only ask: every method of theirs is a question. */
type Questions<Q> = Record<keyof Q, (...args: never[]) => Promise<unknown>>;

/** Puts questions to Postgres, unless it is away: then one request in a second looks whether it is back, and all others are answered at once. */
export class ArchiveGuard {
  #isAway = false;
  #isProbing = false;
  #leftAloneUntil = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** The same queries, each asked as {@link ask} does. */
  over<Q extends Questions<Q>>(queries: Q): Q {
    return new Proxy(queries, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return (...args: unknown[]) =>
          this.ask(() => Reflect.apply(method, target, args) as Promise<unknown>);
      },
    });
  }

  /**
   * The answer, once Postgres gave it.
   *
   * @throws ProblemError `archive/unavailable` when Postgres cannot answer now, `request/invalid` of a cursor that is none
   */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.#isAway && (this.#isProbing || this.now() < this.#leftAloneUntil)) throw away();
    this.#isProbing = this.#isAway;
    try {
      const answer = await question();
      this.#isAway = false;
      return answer;
    } catch (error) {
      throw this.#problemOf(error);
    } finally {
      this.#isProbing = false;
    }
  }

  #problemOf(error: unknown): unknown {
    if (error instanceof BadCursorError)
      return new ProblemError('request/invalid', error.message, {
        errors: [{ path: 'cursor', message: error.message }],
      });
    if (!isDatabaseAway(error)) return error;
    this.#isAway = true;
    this.#leftAloneUntil = this.now() + LEAVE_ALONE_MS;
    return away(error);
  }
}

const away = (cause?: unknown): ProblemError =>
  new ProblemError(
    'archive/unavailable',
    'Postgres is away: lists, numbers of queues and tasks that have left the log cannot be read. Submitting, running and the status of live tasks go on.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
    { cause },
  );
