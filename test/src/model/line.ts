import { laneRank } from '@millrace/domain';
import type { Lane } from '@millrace/domain';

interface Waiting {
  id: string;
  lane: Lane;
  /** The fewest that stood before it at any moment since the slot became free. */
  fewest: number;
}

/** Those that wait for their turn, as a plain ordered list: who stands before another must start before it. */
export class Line {
  readonly #waiting: Waiting[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  /** How many stand before it; undefined when it does not wait. */
  placeOf(id: string): number | undefined {
    const at = this.#waiting.findIndex((task) => task.id === id);
    return at < 0 ? undefined : at;
  }

  /** How many stood before it at the moment since {@link slotFreed} that was the best for it. */
  bestPlaceOf(id: string): number | undefined {
    return this.#of(id)?.fewest;
  }

  laneOf(id: string): Lane | undefined {
    return this.#of(id)?.lane;
  }

  /** Behind all others of its lane. */
  add(id: string, lane: Lane): void {
    const rank = laneRank(lane);
    const behind = this.#waiting.findIndex((task) => laneRank(task.lane) > rank);
    const at = behind < 0 ? this.#waiting.length : behind;
    this.#waiting.splice(at, 0, { id, lane, fewest: at });
  }

  remove(id: string): void {
    const at = this.placeOf(id);
    if (at === undefined) return;
    this.#waiting.splice(at, 1);
    for (const [place, task] of this.#waiting.entries()) task.fewest = Math.min(task.fewest, place);
  }

  /** From now on the next one may start at any moment. */
  slotFreed(): void {
    for (const [place, task] of this.#waiting.entries()) task.fewest = place;
  }

  #of(id: string): Waiting | undefined {
    return this.#waiting.find((task) => task.id === id);
  }
}
