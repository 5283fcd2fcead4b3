import type { StoredMessage, TaskLog } from '@millrace/log';
import type { Lag } from '@millrace/read-model';

const LOOK_EVERY_MS = 1_000;

/**
 * Measures how far the tables are behind the log, and gives the sign of life that readers of `projections` look for. It also notices that
 * the log was made anew, or cut, under a connection that never broke.
 */
export class LagMeter {
  #timer: NodeJS.Timeout | undefined;
  #createdAt: string | undefined;
  /** Batches that are being written. */
  #writing = 0;
  #isLooking = false;

  constructor(
    private readonly log: TaskLog,
    /** What of the log is projected. */
    private readonly source: { stream: string; filter: string },
    private readonly projection: { readonly sequence: number; beat: (lag: Lag) => Promise<void> },
    /** Messages that the follower has not handed on. */
    private readonly pending: () => number,
  ) {}

  /** Looks each second until it is stopped. */
  start(onLogChanged: (reason: string) => void): void {
    this.#timer = setInterval(() => {
      if (this.#isLooking) return;
      this.#isLooking = true;
      void this.#look(onLogChanged)
        // The broker or Postgres is away: the session hears of it by other ways.
        .catch(() => undefined)
        .finally(() => (this.#isLooking = false));
    }, LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The lag that is left when the batch is written. */
  lagOf(batch: StoredMessage[]): Lag {
    const last = batch.at(-1);
    return { lag_ms: last ? ageOf(last) : 0, lag_messages: this.pending() };
  }

  /** A batch that is being written is a sign of life itself. */
  async during<T>(write: () => Promise<T>): Promise<T> {
    this.#writing++;
    try {
      return await write();
    } finally {
      this.#writing--;
    }
  }

  async #look(onLogChanged: (reason: string) => void): Promise<void> {
    const before = this.projection.sequence;
    const { createdAt, lastSequence } = await this.log.admin.state(this.source.stream);
    this.#createdAt ??= createdAt;
    if (createdAt !== this.#createdAt) onLogChanged('The log was made anew.');
    else if (lastSequence < before) onLogChanged('The log ends before what was projected.');
    else await this.#beat(lastSequence);
  }

  async #beat(lastSequence: number): Promise<void> {
    // Timers and asks are in the same stream, and are not projected.
    const isBehind = lastSequence > this.projection.sequence;
    const { filter, stream } = this.source;
    const next = isBehind
      ? await this.log.read.nextOn(filter, this.projection.sequence + 1, stream)
      : undefined;
    if (this.#writing > 0) return;
    const missing = next && next.sequence > this.projection.sequence ? next : undefined;
    await this.projection.beat({
      lag_ms: missing ? ageOf(missing) : 0,
      lag_messages: missing ? Math.max(1, this.pending()) : 0,
    });
  }
}

const ageOf = ({ storedAtMs }: StoredMessage): number => Math.max(0, Math.round(Date.now() - storedAtMs));
