import type { Writable } from 'node:stream';
import { FrameBuffer } from './frame-buffer.js';
import type { BufferLimits, Frame } from './frame-buffer.js';
import { heartbeat, overflowFrame } from './frames.js';

/** For one client. Twice as many bytes may be on their way to its socket. */
export const BUFFER_LIMITS: BufferLimits = { frames: 4_096, bytes: 1024 * 1024 };
/** A client that takes nothing for so long while it catches up is ended. */
const TAKES_SOMETHING_WITHIN_MS = 60_000;
/** Its last words reach a client within this time, or not at all. */
const ENDS_WITHIN_MS = 10_000;

/**
 * One stream of events to one client. First it is sent what it missed, at its own pace, while live frames wait; then live ones follow,
 * each once and in order. Whoever reads too slowly is ended, never waited for.
 */
export class EventClient {
  readonly #buffer: FrameBuffer;
  #position: number;
  #isLive = false;
  #isBlocked = false;
  #isEnded = false;
  #flushIsDue = false;
  readonly #gone = new AbortController();

  /** @param position the sequence after which it wants events */
  constructor(
    private readonly out: Writable,
    position: number,
    limits: BufferLimits = BUFFER_LIMITS,
  ) {
    this.#position = position;
    this.#buffer = new FrameBuffer(limits);
    out.on('drain', () => {
      this.#isBlocked = false;
      this.#flush();
    });
    out.once('close', () => this.#closed());
    // A connection that breaks is told by its close.
    out.on('error', () => undefined);
    if (out.destroyed) this.#closed();
  }

  /** The sequence up to which it has everything it wants. */
  get position(): number {
    return this.#position;
  }

  /** Aborts once nobody listens any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Whether it is sent nothing any more, but for its last words. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** A frame as it comes. One that the client has already is passed over. */
  offer(frame: Frame, sequence: number): void {
    if (this.#isEnded || sequence <= this.#position) return;
    if (this.#buffer.push(frame, sequence)) this.#flushSoon();
    else this.#overflow();
  }

  /** A frame that is worth nothing later: nothing waits for a slow client. */
  offerIfQuick(frame: Frame): void {
    if (this.#isLive && !this.#isEnded && !this.#isBlocked && this.#buffer.push(frame)) this.#flushSoon();
  }

  /** A part of what it missed. Resolves once it may be sent more, or has gone. */
  async send(text: string, upTo: number): Promise<void> {
    this.#position = Math.max(this.#position, upTo);
    if (text !== '' && !this.#isEnded) this.#write(text);
    if (this.#isBlocked && !this.#isEnded) await this.#unblocked();
  }

  /** It has what it missed: what waited follows, and live frames from now on. */
  goLive(): void {
    this.#isLive = true;
    this.#flush();
  }

  /** @param sequence all up to here has been offered to it, if it is live */
  beat(sequence: number): void {
    if (this.#isEnded || this.#isBlocked) return;
    const hasAll = this.#isLive && this.#buffer.isEmpty;
    if (hasAll) this.#position = Math.max(this.#position, sequence);
    this.#write(heartbeat(hasAll ? this.#position : undefined));
  }

  /** The log went back: what comes next has lower sequences. */
  goBack(frame: string, position: number): void {
    this.#buffer.clear();
    this.#position = position;
    if (!this.#isEnded) this.#write(frame);
  }

  /** Ends the stream after what was offered. */
  end(lastWords = ''): void {
    if (this.#isEnded) return;
    const { text, last } = this.#buffer.take(this.#position);
    this.#position = last;
    this.#finish(text + lastWords);
  }

  #closed(): void {
    this.#isEnded = true;
    this.#buffer.clear();
    this.#gone.abort();
  }

  #overflow(): void {
    this.#buffer.clear();
    this.#finish(overflowFrame(this.#position));
  }

  #finish(lastWords: string): void {
    this.#isEnded = true;
    this.out.end(lastWords);
    const patience = setTimeout(() => this.out.destroy(), ENDS_WITHIN_MS).unref();
    this.out.once('close', () => clearTimeout(patience));
  }

  /** What comes in one turn of the event loop leaves with one write. */
  #flushSoon(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    queueMicrotask(() => {
      this.#flushIsDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#isLive || this.#isBlocked || this.#isEnded || this.#buffer.isEmpty) return;
    const { text, last } = this.#buffer.take(this.#position);
    this.#position = last;
    if (text !== '') this.#write(text);
  }

  #write(text: string): void {
    if (!this.out.write(text)) this.#isBlocked = true;
  }

  #unblocked(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(patience);
        this.out.off('drain', done);
        this.out.off('close', done);
        resolve();
      };
      const patience = setTimeout(() => {
        this.#overflow();
        done();
      }, TAKES_SOMETHING_WITHIN_MS);
      this.out.once('drain', done);
      this.out.once('close', done);
    });
  }
}
