/** Lets what concerns the same key happen one after the other within this process, in the order of the calls. */
export class Turns {
  readonly #over = new Map<string, Promise<void>>();

  /** Resolves or rejects as the work does, once it had its turn. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#over.get(key) ?? Promise.resolve()).then(work);
    const over: Promise<void> = turn.then(
      () => this.#end(key, over),
      () => this.#end(key, over),
    );
    this.#over.set(key, over);
    return turn;
  }

  #end(key: string, turn: Promise<void>): void {
    if (this.#over.get(key) === turn) this.#over.delete(key);
  }
}
