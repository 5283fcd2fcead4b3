/** Commands a second by callers without a known key that are told one by one: they could fill the store. */
export const STRANGERS_A_SECOND = 20;

/** Admits so many in each second, and no more. */
export class StrangerLimit {
  #second = 0;
  #admitted = 0;

  admits(nowMs = Date.now()): boolean {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) [this.#second, this.#admitted] = [second, 0];
    if (this.#admitted >= STRANGERS_A_SECOND) return false;
    this.#admitted++;
    return true;
  }
}
