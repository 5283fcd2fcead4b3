/** What waits for a client that does not read: so many frames and bytes at most. */
export interface BufferLimits {
  frames: number;
  bytes: number;
}

/** One event as it is sent. */
export interface Frame {
  text: string;
  bytes: number;
}

/** Measured once, however many clients it is sent to. */
export const measured = (text: string): Frame => ({ text, bytes: Buffer.byteLength(text) });

interface Waiting {
  /** Of the log; undefined for what has no place in it. */
  sequence: number | undefined;
  text: string;
}

/** Frames that wait for one client, in order. It never holds more than its limits, but for a single frame that is longer. */
export class FrameBuffer {
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(private readonly limits: BufferLimits) {}

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** False when there is no room: the frame was not taken. */
  push({ text, bytes }: Frame, sequence?: number): boolean {
    const { length } = this.#waiting;
    if (length > 0 && (length >= this.limits.frames || this.#bytes + bytes > this.limits.bytes)) return false;
    this.#waiting.push({ sequence, text });
    this.#bytes += bytes;
    return true;
  }

  /**
   * Takes all out.
   *
   * @param after facts up to this sequence are left out: the client has them
   */
  take(after: number): { text: string; last: number } {
    let text = '';
    let last = after;
    for (const { sequence, text: frame } of this.#waiting) {
      if (sequence !== undefined && sequence <= last) continue;
      text += frame;
      last = sequence ?? last;
    }
    this.clear();
    return { text, last };
  }

  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
  }
}
