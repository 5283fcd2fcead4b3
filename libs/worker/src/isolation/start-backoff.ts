const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/** The pause before another process is tried: doubles with every failure in a row. */
export class StartBackoff {
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Called when the pause is over. */
  constructor(private readonly onOver: () => void) {}

  get hasFailed(): boolean {
    return this.#failures > 0;
  }

  get isWaiting(): boolean {
    return this.#timer !== undefined;
  }

  /** Notes a failure; returns the milliseconds of the pause that begins. */
  fail(): number {
    const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures++);
    this.stop();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.onOver();
    }, waitMs);
    return waitMs;
  }

  /** A process has done some work: the next failure is a first one. */
  reset(): void {
    this.#failures = 0;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
