/** Somebody waits until something has happened, or for a time. What happens before he waits is not missed. */
export class Wakening {
  #isDue = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#isDue = true;
    this.#resolve?.();
  }

  /** Until it is woken, but no longer than so long. */
  async wait(ms: number): Promise<void> {
    if (!this.#isDue) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
        timer = setTimeout(resolve, Math.max(0, ms));
      });
      clearTimeout(timer);
      this.#resolve = undefined;
    }
    this.#isDue = false;
  }
}
