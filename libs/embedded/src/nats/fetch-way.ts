/** Where a nats-server came from. */
export type NatsServerSource = 'explicit' | 'path' | 'cache' | 'debian' | 'homebrew' | 'go';

/** What a way works with. */
export interface FetchContext {
  /** A folder for this fetch alone, removed afterwards. */
  workDir: string;
  log: (line: string) => void;
  /** Ends what a way has begun. */
  signal: AbortSignal | undefined;
}

/** One way a platform has to get nats-server. */
export interface FetchWay {
  readonly source: NatsServerSource;
  /** Names the way at the start of its sentence in the final error. */
  readonly title: string;
  /**
   * Returns the program's path; a program inside `workDir` is moved to the cache, any other is used where it is.
   * Fails with one sentence when this machine does not have the way, or when it did not work.
   */
  fetch(context: FetchContext): Promise<string>;
}
