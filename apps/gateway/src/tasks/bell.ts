/** Wakes one waiter: when it is rung, when its time is over, or when nobody waits any more. A ring before the wait is not lost. */
export class Bell {
  #hasRung = false;
  #isClosed = false;
  #wake: (() => void) | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #close = (): void => this.close();

  constructor(
    timeoutMs: number,
    private readonly gone?: AbortSignal,
  ) {
    this.#timer = setTimeout(this.#close, timeoutMs);
    gone?.addEventListener('abort', this.#close, { once: true });
    if (gone?.aborted) this.close();
  }

  /** Once it is, it rings no more and no wait takes any time. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  ring(): void {
    this.#hasRung = true;
    this.#wake?.();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.gone?.removeEventListener('abort', this.#close);
    this.#wake?.();
  }

  /**
   * Resolves when it is rung, was rung since the last wait, or is closed; or after so many milliseconds.
   *
   * @returns whether it was rung
   */
  async rung(atMostMs?: number): Promise<boolean> {
    if (!this.#hasRung && !this.#isClosed) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((wake) => {
        this.#wake = wake;
        if (atMostMs !== undefined) timer = setTimeout(wake, atMostMs);
      });
      clearTimeout(timer);
      this.#wake = undefined;
    }
    const hasRung = this.#hasRung;
    this.#hasRung = false;
    return hasRung;
  }
}
