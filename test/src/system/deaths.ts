/** When which process was killed, frozen or cut off: the only good reasons for taking a task over. */
export class Deaths {
  readonly #at = new Map<number, number>();

  /** To be told before the signal is sent. */
  died(pid: number, at = Date.now()): void {
    if (!this.#at.has(pid)) this.#at.set(pid, at);
  }

  /** Whether the process was dead, as far as others could tell, at a time in milliseconds since the epoch. */
  wasDead(pid: number, at: number): boolean {
    const died = this.#at.get(pid);
    return died !== undefined && died <= at;
  }

  get count(): number {
    return this.#at.size;
  }
}
