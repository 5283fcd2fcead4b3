import type { RateLimit } from './queue-limits.js';

/** Starts by the end of the part of the period in which they were, in milliseconds since the epoch: `[[end, starts], …]`, oldest first. */
export type CountedStarts = [end: number, starts: number][];

/** A period is counted in so many parts. Each counts for one part longer than it must, for handlers start a little after their fact. */
const PARTS = 50;

/**
 * The starts of the last period. Never more than the limit are let through in any span of the period, wherever it begins: a part counts
 * until all of it is over. So at a steady rush some hundredths less than the limit start.
 */
export class RateWindow {
  readonly #partMs: number;
  #starts: CountedStarts;

  constructor(
    private readonly rate: RateLimit,
    starts: CountedStarts = [],
  ) {
    this.#partMs = (rate.period_seconds * 1000) / PARTS;
    this.#starts = starts.map(([end, count]) => [end, count]);
  }

  add(now: number, count = 1): void {
    const end = (Math.floor(now / this.#partMs) + 1) * this.#partMs;
    const last = this.#starts.at(-1);
    // Clocks of two leaders may differ: what comes late is counted late.
    if (last && last[0] >= end) last[1] += count;
    else this.#starts.push([end, count]);
  }

  /** @param open tasks that were let through and have not started: they will, at any time */
  isOpen(now: number, open: number): boolean {
    return open + this.#used(now) < this.rate.limit;
  }

  /** When enough has passed for one more; undefined while only starts and ends of what is open can tell. */
  opensAt(now: number, open: number): number | undefined {
    let used = open + this.#used(now);
    if (used < this.rate.limit) return now;
    for (const [end, count] of this.#starts) {
      used -= count;
      if (used < this.rate.limit) return this.#countsUntil(end);
    }
    return undefined;
  }

  isEmpty(now: number): boolean {
    return this.#used(now) === 0;
  }

  toJSON(): CountedStarts {
    return this.#starts.map(([end, count]) => [end, count]);
  }

  #used(now: number): number {
    while (this.#starts[0] && this.#countsUntil(this.#starts[0][0]) <= now) this.#starts.shift();
    let used = 0;
    for (const [, count] of this.#starts) used += count;
    return used;
  }

  #countsUntil(end: number): number {
    return end + (PARTS + 1) * this.#partMs;
  }
}
