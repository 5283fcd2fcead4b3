import type { Follower, FollowOptions, StoredMessage, TaskLog } from '@millrace/log';

interface FeedOptions extends Pick<FollowOptions, 'stream' | 'filters' | 'onError'> {
  /** Where it begins: after this. */
  lastSequence: () => Promise<number>;
  /** Tells with `reach` how far it is; what comes when the run is over must reach nobody. */
  onMessages: (messages: StoredMessage[], isOver: () => boolean) => Promise<void> | void;
}

interface Run {
  ready: Promise<void>;
  follower?: Follower;
  isOver: boolean;
}

/** One follower of a stream that many share: it runs from the first start to the stop, from the end of the stream on. */
export class LogFeed {
  #run: Run | undefined;
  #next = 1;

  constructor(
    private readonly log: TaskLog,
    private readonly options: FeedOptions,
  ) {}

  /** All before this sequence has been handed on, or came before the start. */
  get next(): number {
    return this.#next;
  }

  /**
   * Resolves once it runs.
   *
   * @throws LogUnavailableError
   */
  async start(): Promise<void> {
    const run = (this.#run ??= this.#start());
    await run.ready;
  }

  stop(): void {
    if (!this.#run) return;
    this.#run.isOver = true;
    void this.#run.follower?.stop();
    this.#run = undefined;
  }

  /** All up to this sequence has been handed on. To be said at the same instant, or whoever comes in between misses it. */
  reach(last: number): void {
    this.#next = last + 1;
  }

  #start(): Run {
    const run: Run = { ready: Promise.resolve(), isOver: false };
    run.ready = this.#follow(run).catch((error: unknown) => {
      if (this.#run === run) this.#run = undefined;
      throw error;
    });
    return run;
  }

  async #follow(run: Run): Promise<void> {
    const { lastSequence, onMessages, ...options } = this.options;
    const from = (await lastSequence()) + 1;
    if (run.isOver) return;
    this.#next = from;
    run.follower = this.log.follow({
      ...options,
      from,
      onMessages: (messages) => (run.isOver ? undefined : onMessages(messages, () => run.isOver)),
    });
  }
}
