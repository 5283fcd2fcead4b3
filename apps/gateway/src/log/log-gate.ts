import { Injectable } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import { ProblemError } from '../http/problem.js';

/** A short loss of the connection is sat out; a longer one is told. */
const WAIT_FOR_RETURN_MS = 2_000;
const RETRY_AFTER_SECONDS = 2;

/** Four times what may be under way: so much a broker that is well writes in a second or two. */
const UNANSWERED_AT_MOST = 32_768;

/** Holds requests back while the log is away: what was never sent cannot run by surprise later. */
@Injectable()
export class LogGate {
  constructor(private readonly log: TaskLog) {}

  /**
   * Resolves once the log is reachable; at once if it is now.
   *
   * @throws ProblemError `log/unavailable` when it does not return in time; nothing was written then
   */
  async pass(): Promise<void> {
    if (this.log.connected || (await this.#returns())) return;
    throw new ProblemError(
      'log/unavailable',
      'The log cannot be reached. Nothing was written; send the request again in a moment.',
      { retryAfterSeconds: RETRY_AFTER_SECONDS },
    );
  }

  /**
   * For what may be sent again later; whoever cancels or pauses is let through.
   *
   * @throws ProblemError `gateway/overloaded` when so many writes wait for the log that one more would wait too long; nothing was written
   */
  refuseWhenBusy(): void {
    if (this.log.unanswered < UNANSWERED_AT_MOST) return;
    throw new ProblemError(
      'gateway/overloaded',
      `${this.log.unanswered} writes wait for the log. Nothing was written; send the request again in a moment.`,
      { retryAfterSeconds: RETRY_AFTER_SECONDS },
    );
  }

  #returns(): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isBack: boolean): void => {
        clearTimeout(timer);
        stopListening();
        resolve(isBack);
      };
      const timer = setTimeout(() => settle(false), WAIT_FOR_RETURN_MS);
      const stopListening = this.log.on('reconnected', () => settle(true));
    });
  }
}
