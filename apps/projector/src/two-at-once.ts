/** Lets a piece of work begin before the one before it has ended, but no third one. */
export class TwoAtOnce {
  #last: Promise<void> = Promise.resolve();

  /** Begins it now. Resolves when the ones before have ended; fails when one of them has failed. */
  async begin(work: () => Promise<void>): Promise<void> {
    const before = this.#last;
    this.#last = Promise.all([before, work()]).then(() => undefined);
    // Told to whoever begins the next one, or waits for the end.
    this.#last.catch(() => undefined);
    await before;
  }

  /** Resolves when all have ended; fails when one of them has failed. */
  ended(): Promise<void> {
    return this.#last;
  }
}
