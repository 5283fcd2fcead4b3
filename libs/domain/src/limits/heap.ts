/** A binary heap: what comes first is at hand, everything else is somewhere behind it. */
export class Heap<T> {
  #items: T[] = [];

  constructor(
    private readonly isBefore: (a: T, b: T) => boolean,
    /** Told where an item stands now, for {@link removeAt} and {@link moveFrom}. */
    private readonly onMove?: (item: T, at: number) => void,
  ) {}

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#items.push(item);
    this.#rise(this.#items.length - 1);
  }

  pop(): T | undefined {
    return this.#items.length > 0 ? this.removeAt(0) : undefined;
  }

  removeAt(at: number): T {
    const removed = this.#items[at] as T;
    const last = this.#items.pop() as T;
    if (at < this.#items.length) {
      this.#items[at] = last;
      this.moveFrom(at);
    }
    return removed;
  }

  /** The item there has changed its order. */
  moveFrom(at: number): void {
    if (this.#rise(at) === at) this.#sink(at);
  }

  /** Leaves only what passes. */
  keep(passes: (item: T) => boolean): void {
    this.#items = this.#items.filter(passes);
    for (let at = (this.#items.length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  #rise(from: number): number {
    const items = this.#items;
    const item = items[from] as T;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(item, items[parent] as T)) break;
      this.#put(items[parent] as T, at);
      at = parent;
    }
    this.#put(item, at);
    return at;
  }

  #sink(from: number): void {
    const items = this.#items;
    const item = items[from] as T;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.isBefore(items[child + 1] as T, items[child] as T)) child++;
      if (!this.isBefore(items[child] as T, item)) break;
      this.#put(items[child] as T, at);
      at = child;
    }
    this.#put(item, at);
  }

  #put(item: T, at: number): void {
    this.#items[at] = item;
    this.onMove?.(item, at);
  }
}
