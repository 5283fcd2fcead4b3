import { errors } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';

/** What was handed to {@link Outbox.publish}, as it goes over the wire. */
export interface Sent {
  chunk: Buffer;
  from: number;
  to: number;
}

/** So many bytes are gathered at most before they are handed to the client. */
const CHUNK_BYTES = 128 * 1024;
const NO_SUBJECT = /^$|\s/;

/** The client's own way of sending: known to it, missing in its types. */
interface Wire {
  protocol: { sendCommand: (bytes: Uint8Array) => void };
}

/**
 * Gathers what one turn of the event loop has to say to the broker, and writes it in one go. The client's own `publish` makes four array
 * buffers for each message, and writes to the socket after each round of promises: both cost more than all the rest.
 *
 * It is sent before the loop waits again. Whoever says something else on the same connection that must come later flushes first.
 */
export class Outbox {
  readonly #wire: Wire['protocol'];
  #chunk = Buffer.alloc(0);
  /** Of what was not handed on yet. */
  #from = 0;
  #to = 0;

  constructor(private readonly connection: NatsConnection) {
    this.#wire = (connection as unknown as Wire).protocol;
  }

  /**
   * Takes a message for the next flush.
   *
   * @param headers a block of header lines, `NATS/1.0` included, in plain ASCII; none when empty
   * @returns where it is, for {@link repeat}: it takes no place on the heap meanwhile
   * @throws ClosedConnectionError when nothing can be sent any more
   * @throws InvalidSubjectError when the broker would read something else
   */
  publish(subject: string, reply: string, headers: string, payload: string): Sent {
    if (this.connection.isClosed() || this.connection.isDraining()) throw new errors.ClosedConnectionError();
    if (NO_SUBJECT.test(subject)) throw new errors.InvalidSubjectError(subject);
    const bytes = Buffer.byteLength(payload);
    const to = reply === '' ? subject : `${subject} ${reply}`;
    const head =
      headers === ''
        ? `PUB ${to} ${bytes}\r\n`
        : `HPUB ${to} ${headers.length} ${headers.length + bytes}\r\n${headers}`;
    const from = this.#makeRoom(head.length + bytes + 2);
    this.#to += this.#chunk.write(`${head}${payload}\r\n`, from);
    return { chunk: this.#chunk, from, to: this.#to };
  }

  /** Sends once more what was sent before. */
  repeat({ chunk, from, to }: Sent): void {
    const start = this.#makeRoom(to - from);
    this.#to += chunk.copy(this.#chunk, start, from, to);
  }

  /** Hands on what was gathered. Safe at any time. */
  readonly flush = (): void => {
    if (this.#to === this.#from) return;
    const bytes = this.#chunk.subarray(this.#from, this.#to);
    this.#from = this.#to;
    if (!this.connection.isClosed()) this.#wire.sendCommand(bytes);
  };

  /** Bytes that were handed on are never written over: the socket may not have taken them yet. */
  #makeRoom(bytes: number): number {
    if (this.#to + bytes > this.#chunk.length) {
      this.flush();
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(bytes, CHUNK_BYTES));
      this.#from = this.#to = 0;
    }
    if (this.#to === this.#from) setImmediate(this.flush);
    return this.#to;
  }
}
