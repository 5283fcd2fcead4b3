import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { Inbox } from './connection.js';
import { ConcurrencyError, LogRefusedError, LogUnavailableError, ServerCode } from './errors.js';

/** One message to append. */
export interface Write {
  subject: string;
  payload: string;
  /** Header lines, each ended by CRLF; see {@link conditionHeaders}. */
  headers: string;
}

export interface AppendOptions {
  /** Gives up with {@link LogUnavailableError} after so many milliseconds; without it, never. */
  deadlineMs?: number;
  /** Gives up when it aborts; rejects with its reason. */
  signal?: AbortSignal;
}

/** The answer of the log to a write that had to be sent more than once, and was refused: it may have been stored the first time. */
export class AmbiguousConflictError extends ConcurrencyError {}

/** Writes that wait for their answer; more than these wait in the process before they are sent. */
const MAX_IN_FLIGHT = 8192;
/** No answer for so long: the same write is sent again. Safe, for it is conditional. */
const RESEND_AFTER_MS = 2_000;
const SWEEP_EVERY_MS = 250;
/** Wait before a write is sent again that the server could not take right now. */
const BUSY_RETRY_MS = 100;
const IN_FLIGHT_RETRY_MS = 5;

interface Pending {
  write: Write;
  key: string;
  expected: number;
  sentAt: number;
  sends: number;
  deadline: number;
  signal: AbortSignal | undefined;
  resolve: (sequence: number) => void;
  reject: (error: Error) => void;
}

const encoder = new TextEncoder();

/** The header lines of a condition: the last fact on the check subject must have this sequence (0: there must be none). */
export const conditionHeaders = (expected: number, checkSubject: string): string =>
  `Nats-Expected-Last-Subject-Sequence: ${expected}\r\nNats-Expected-Last-Subject-Sequence-Subject: ${checkSubject}\r\n`;

/** The header lines that take an armed timer away together with the write that ends its wait. */
export const cancelTimerHeaders = (timerSubject: string): string =>
  `Nats-Schedule-Next: purge\r\nNats-Scheduler: ${timerSubject}\r\n`;

/**
 * Appends conditional writes at full speed: one wildcard inbox for the answers, a map of what is pending, one sweep timer, no header
 * object per write. Bounded: more than {@link MAX_IN_FLIGHT} writes wait their turn.
 */
export class Appender {
  readonly #connection: NatsConnection;
  readonly #inbox: Inbox;
  readonly #pending = new Map<string, Pending>();
  readonly #turns: (() => void)[] = [];
  readonly #sweep: NodeJS.Timeout;

  constructor(connection: NatsConnection, inbox: Inbox) {
    this.#connection = connection;
    this.#inbox = inbox;
    this.#sweep = setInterval(() => {
      this.#resendOverdue();
    }, SWEEP_EVERY_MS);
    this.#sweep.unref();
  }

  /** Writes sent and not answered. */
  get inFlight(): number {
    return this.#pending.size;
  }

  /**
   * Appends the write and resolves with its sequence once the log has stored it. Sends the same write again when there is no answer.
   *
   * @throws ConcurrencyError when the condition does not hold ({@link AmbiguousConflictError} if the write was sent more than once)
   * @throws LogUnavailableError after the deadline; the write may have been stored
   * @throws LogRefusedError when no repetition will help (too large, no such stream)
   */
  async append(write: Write, expected: number, options: AppendOptions = {}): Promise<number> {
    while (this.#pending.size >= MAX_IN_FLIGHT) await new Promise<void>((go) => this.#turns.push(go));
    options.signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        write,
        key: '',
        expected,
        sentAt: 0,
        sends: 0,
        deadline: options.deadlineMs === undefined ? Infinity : performance.now() + options.deadlineMs,
        signal: options.signal,
        resolve,
        reject,
      };
      pending.key = this.#inbox.open((message) => {
        this.#answered(pending, message);
      });
      this.#pending.set(pending.key, pending);
      this.#send(pending);
    });
  }

  /** After a reconnect nothing that was sent before will be answered. */
  resendAll(): void {
    for (const pending of this.#pending.values()) this.#send(pending);
  }

  stop(): void {
    clearInterval(this.#sweep);
    for (const pending of this.#pending.values())
      this.#settle(pending, () => {
        pending.reject(new LogUnavailableError('The connection to the log was closed.'));
      });
  }

  #send(pending: Pending): void {
    pending.sentAt = performance.now();
    pending.sends++;
    try {
      this.#connection.publish(pending.write.subject, pending.write.payload, {
        reply: this.#inbox.replyTo(pending.key),
        headers: rawHeaders(pending.write.headers),
      });
    } catch (cause) {
      this.#settle(pending, () => {
        const message = cause instanceof Error ? cause.message : String(cause);
        pending.reject(
          this.#connection.isClosed()
            ? new LogUnavailableError('The connection to the log is closed.', { cause })
            : new LogRefusedError(ServerCode.badRequest, message),
        );
      });
    }
  }

  #answered(pending: Pending, message: Msg): void {
    const text = message.string();
    if (text.startsWith('{"stream"') && !text.includes('"error"')) {
      this.#settle(pending, () => {
        pending.resolve(sequenceIn(text));
      });
      return;
    }
    this.#refused(pending, text);
  }

  #refused(pending: Pending, text: string): void {
    // Without a body it is the server's 503: nobody listens on the subject (the stream is away).
    const { error } = (text === '' ? { error: { code: 503 } } : JSON.parse(text)) as {
      error?: { code: number; err_code?: number; description?: string };
    };
    if (!error) {
      this.#settle(pending, () => {
        pending.resolve(sequenceIn(text));
      });
    } else if (error.err_code === ServerCode.wrongLastSequence) {
      const actual = Number(/(\d+)\s*$/.exec(error.description ?? '')?.[1] ?? 0);
      const Conflict = pending.sends > 1 ? AmbiguousConflictError : ConcurrencyError;
      this.#settle(pending, () => {
        pending.reject(new Conflict(pending.expected, actual));
      });
    } else if (error.err_code === ServerCode.writeInFlight) {
      this.#sendAgainIn(pending, IN_FLIGHT_RETRY_MS);
    } else if (error.code === 503) {
      this.#sendAgainIn(pending, BUSY_RETRY_MS);
    } else {
      this.#settle(pending, () => {
        pending.reject(
          new LogRefusedError(
            error.err_code ?? error.code,
            error.description ?? 'The log refused the write.',
          ),
        );
      });
    }
  }

  #sendAgainIn(pending: Pending, delayMs: number): void {
    setTimeout(() => {
      if (this.#pending.has(pending.key) && !this.#gaveUp(pending)) this.#send(pending);
    }, delayMs);
  }

  #resendOverdue(): void {
    const now = performance.now();
    for (const pending of this.#pending.values()) {
      if (this.#gaveUp(pending)) continue;
      if (now - pending.sentAt >= RESEND_AFTER_MS) this.#send(pending);
    }
  }

  #gaveUp(pending: Pending): boolean {
    if (pending.signal?.aborted) {
      this.#settle(pending, () => {
        pending.reject(pending.signal?.reason as Error);
      });
      return true;
    }
    if (performance.now() < pending.deadline) return false;
    this.#settle(pending, () => {
      pending.reject(new LogUnavailableError('The log did not answer in time.'));
    });
    return true;
  }

  #settle(pending: Pending, settle: () => void): void {
    this.#inbox.close(pending.key);
    if (!this.#pending.delete(pending.key)) return;
    settle();
    this.#turns.shift()?.();
  }
}

/** The client only calls `encode`; a map of headers per write would be built to be thrown away. */
const rawHeaders = (lines: string): MsgHdrs =>
  ({ encode: () => encoder.encode(`NATS/1.0\r\n${lines}\r\n`) }) as unknown as MsgHdrs;

const sequenceIn = (ack: string): number => Number.parseInt(ack.slice(ack.indexOf('"seq":') + 6), 10);
