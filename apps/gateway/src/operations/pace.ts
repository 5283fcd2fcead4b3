import { rest } from '@millrace/runtime';

const SECOND_MS = 1000;

/** Lets so many pass in a second, evenly, however many wait. */
export class Pace {
  readonly #intervalMs: number;
  #nextAt = 0;

  /** @param perSecond as many as come when left out */
  constructor(perSecond = Infinity) {
    this.#intervalMs = SECOND_MS / perSecond;
  }

  /** Resolves when it is one's turn, or at once when the signal aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + this.#intervalMs;
    if (at > now) await rest(at - now, signal);
  }
}
