/** What happens to each item, in two steps. */
export interface Stages<Item, Ready, Done> {
  /** The first step, while the item before is in its second. Undefined when it has to wait for the end of that. */
  prepareAhead: (item: Item) => Promise<Ready | undefined>;
  /** The first step, when all items before are done. */
  prepare: (item: Item) => Promise<Ready>;
  finish: (item: Item, ready: Ready) => Promise<Done>;
  /** What is done when a step has failed. Nothing is being prepared then, and what was prepared ahead is thrown away. */
  repair: (item: Item, error: unknown, ready: Ready | undefined) => Promise<Done>;
}

interface Waiting<Item, Done> {
  item: Item;
  done: (done: Done) => void;
  failed: (error: unknown) => void;
}

/** Items in their order, one being prepared while the one before is finished. After a failure that cannot be repaired all others fail. */
export class Pipeline<Item, Ready, Done> {
  readonly #waiting: Waiting<Item, Done>[] = [];
  #arrived: (() => void) | undefined;
  #isRunning = false;
  #failure: { error: unknown } | undefined;

  constructor(private readonly stages: Stages<Item, Ready, Done>) {}

  push(item: Item): Promise<Done> {
    return new Promise<Done>((done, failed) => {
      this.#waiting.push({ item, done, failed });
      this.#arrived?.();
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let ready: Ready | undefined;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      try {
        if (this.#failure) throw this.#failure.error;
        const { done, ahead } = await this.#through(next.item, ready);
        ready = ahead;
        next.done(done);
      } catch (error) {
        this.#failure = { error };
        next.failed(error);
      }
    }
    this.#isRunning = false;
  }

  async #through(
    item: Item,
    prepared: Ready | undefined,
  ): Promise<{ done: Done; ahead?: Ready | undefined }> {
    let ready = prepared;
    let ahead: Promise<Ready | undefined> | undefined;
    try {
      ready ??= await this.stages.prepare(item);
      const finished = this.stages.finish(item, ready);
      ahead = this.#ahead(finished);
      return { done: await finished, ahead: await ahead };
    } catch (error) {
      await ahead;
      return { done: await this.stages.repair(item, error, ready) };
    }
  }

  /** The next item, which may be on its way still. What fails here fails again when its turn has come. */
  async #ahead(finished: Promise<Done>): Promise<Ready | undefined> {
    const arrived = new Promise<void>((resolve) => (this.#arrived = resolve));
    if (this.#waiting.length === 0) await Promise.race([arrived, finished.catch(() => undefined)]);
    this.#arrived = undefined;
    const [next] = this.#waiting;
    return next && this.stages.prepareAhead(next.item).catch(() => undefined);
  }
}
