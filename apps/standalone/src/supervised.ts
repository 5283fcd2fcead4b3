import { nextDelay } from './backoff.js';

/** One life of something supervised: a process, or a server. */
export interface Life {
  /** Settles at its end with how it ended, in words that follow its name: "ended with code 1". */
  readonly ended: Promise<string>;
  /** Asks it to end, and resolves when it has. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Keeps one thing alive: what ends by itself is started again, after a wait that grows while it keeps dying. */
export class Supervised<L extends Life> {
  private current: L | undefined;
  private stopping = false;
  private watching: Promise<void> | undefined;
  private endPause: (() => void) | undefined;

  constructor(
    readonly name: string,
    private readonly begin: () => Promise<L>,
    private readonly report: (line: string) => void,
  ) {}

  /** The first start; its failure is the caller's. */
  async start(): Promise<L> {
    const life = await this.begin();
    this.current = life;
    this.watching = this.watch(life);
    return life;
  }

  /** Safe before the start and twice. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.endPause?.();
    await this.current?.stop();
    await this.watching;
  }

  /** Also while a stop is under way. */
  async kill(): Promise<void> {
    this.stopping = true;
    this.endPause?.();
    await this.current?.kill();
    await this.watching;
  }

  private async watch(first: L): Promise<void> {
    let life: L | undefined = first;
    let waitMs: number | undefined;
    let bornAt = performance.now();
    let how = '';
    for (;;) {
      if (life) how = await life.ended;
      if (this.stopping) return;
      waitMs = nextDelay(waitMs, performance.now() - bornAt);
      this.report(`${this.name} ${how}; it is started again in ${String(waitMs)} ms.`);
      await this.pause(waitMs);
      if (this.stopped()) return;
      bornAt = performance.now();
      try {
        life = await this.begin();
        this.current = life;
        // A stop that came in while it was being started found nothing to stop.
        if (this.stopped()) await life.stop();
      } catch (error) {
        life = undefined;
        how = `could not be started: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
  }

  /** A call, because the compiler takes the field for unchanged across an await. */
  private stopped(): boolean {
    return this.stopping;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
