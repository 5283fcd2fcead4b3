/** A task on its way to a position, from the wish to the word that it is there. */
export class Reordering {
  #isOnItsWay = false;
  #isGone = false;
  /** So many may stand before it, or not, because they came or went meanwhile. */
  #others = 0;
  #found: { beside: number; others: number } | undefined;

  /** @param position how many are to stand before it */
  constructor(
    readonly id: string,
    private readonly position: number,
  ) {}

  /** Something else has happened to a task. Whoever starts meanwhile, or is moved by others, has no position to come to. */
  otherStep(id: string): void {
    this.#others++;
    if (id !== this.id) return;
    this.#isGone = true;
    this.#found = undefined;
  }

  /** A task has got a new ticket for it: itself, or one that is to be ahead of it or behind it. */
  ticketWritten(id: string, place: number | undefined, length: number): void {
    this.#isOnItsWay ||= id === this.id;
    if (!this.#isOnItsWay || this.#isGone || place === undefined) return;
    const wanted = Math.min(this.position, length - 1);
    this.#found = { beside: Math.abs(place - wanted), others: this.#others };
  }

  /** How far from where it should be it came to stand; undefined when it did not. */
  get beside(): number | undefined {
    return this.#found?.beside;
  }

  /** Whether those who came or went meanwhile explain it. */
  get isExplained(): boolean {
    return !this.#found || this.#found.beside <= this.#found.others;
  }
}
