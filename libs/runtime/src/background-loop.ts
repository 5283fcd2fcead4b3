import { rest } from './rest.js';

export interface BackgroundLoopOptions {
  /** Rest before the first pass, in milliseconds. Defaults to 0. */
  firstAfterMs?: number;
  /** One pass. Resolves with the rest before the next, in milliseconds; may end early once the signal is aborted. */
  pass: (signal: AbortSignal) => Promise<number>;
  /** Rest after a pass that failed, in milliseconds. */
  retryMs: number;
  /** Told of every pass that failed, except when the loop had been stopped meanwhile. */
  onFailure: (error: unknown) => void;
}

/** Work that goes on beside all else, pass after pass, until it is stopped. A pass that fails is told, and the next one tries again. */
export class BackgroundLoop {
  readonly #stopped = new AbortController();
  #done: Promise<void> | undefined;

  constructor(private readonly options: BackgroundLoopOptions) {}

  /** Safe twice; after a stop it does nothing. */
  start(): this {
    this.#done ??= this.#run();
    return this;
  }

  /** Resolves after the pass in hand, which hears of it by its signal. Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    await rest(this.options.firstAfterMs ?? 0, signal);
    while (!signal.aborted) await rest(await this.#pass(signal), signal);
  }

  async #pass(signal: AbortSignal): Promise<number> {
    const { pass, retryMs, onFailure } = this.options;
    try {
      return await pass(signal);
    } catch (error) {
      if (!signal.aborted) onFailure(error);
      return retryMs;
    }
  }
}
