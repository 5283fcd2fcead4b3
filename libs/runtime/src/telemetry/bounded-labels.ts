/** What stands for all values beyond the limit. */
export const OTHER = 'other';

/**
 * Children by a label whose values nobody bounds, such as names of tasks: the first so many have one of their own, all others share one.
 * What runs for months must not grow with every name that was ever seen.
 */
export class BoundedChildren<Child> {
  readonly #children = new Map<string, Child>();

  constructor(
    private readonly limit: number,
    private readonly make: (value: string) => Child,
  ) {}

  of(value: string): Child {
    const known = this.#children.get(value);
    if (known) return known;
    const name = this.#children.size < this.limit ? value : OTHER;
    const child = this.#children.get(name) ?? this.make(name);
    this.#children.set(name, child);
    return child;
  }

  *[Symbol.iterator](): IterableIterator<[string, Child]> {
    yield* this.#children;
  }
}
