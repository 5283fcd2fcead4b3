import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Inbox } from './connection.js';
import { ConcurrencyError, LogRefusedError, LogUnavailableError, ServerCode } from './errors.js';
import type { Outbox, Sent } from './outbox.js';
import type { ApiError } from './requests.js';

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
export const MAX_IN_FLIGHT = 8192;
/** No answer for so long: the same write is sent again. Safe, for it is conditional. */
const RESEND_AFTER_MS = 2_000;
/** Each time it waits twice as long, up to so many times: a broker that is slow must not be made slower. */
const RESEND_LATER_AT_MOST = 8;
const SWEEP_EVERY_MS = 250;
/** Wait before a write is sent again that the server could not take right now. */
const BUSY_RETRY_MS = 100;
const IN_FLIGHT_RETRY_MS = 5;
/** No UTF-16 code unit has more bytes in UTF-8. */
const MOST_BYTES_OF_A_CODE_UNIT = 3;
/** Begins a block of headers; an empty line ends it. */
const HEAD = 'NATS/1.0\r\n';
const FRAME_BYTES = HEAD.length + '\r\n'.length;

interface Pending {
  subject: string;
  /** Until it was sent: thousands are under way, and texts that live so long cost more than all the rest. */
  text: { headers: string; payload: string } | undefined;
  sent: Sent | undefined;
  expected: number;
  /** Names its answers; undefined while it waits for its turn. */
  key: string | undefined;
  reply: string;
  sentAt: number;
  sends: number;
  /** A busy server has asked for some patience. */
  rests: boolean;
  deadline: number;
  signal: AbortSignal | undefined;
  settled: boolean;
  resolve: (sequence: number) => void;
  reject: (error: unknown) => void;
}

/** The header lines of a condition: the last fact on the check subject must have this sequence (0: there must be none). */
export const conditionHeaders = (expected: number, checkSubject: string): string =>
  `Nats-Expected-Last-Subject-Sequence: ${expected}\r\nNats-Expected-Last-Subject-Sequence-Subject: ${checkSubject}\r\n`;

/** The header lines that take an armed timer away together with the write that ends its wait. */
export const cancelTimerHeaders = (timerSubject: string): string =>
  `Nats-Schedule-Next: purge\r\nNats-Scheduler: ${timerSubject}\r\n`;

/**
 * Appends conditional writes at full speed: one wildcard inbox for the answers, one sweep timer, no header object per write. Bounded:
 * more than {@link MAX_IN_FLIGHT} writes wait their turn. While the broker is away nothing is sent; what has no answer is sent again
 * when it is back.
 */
export class Appender {
  readonly #inFlight = new Set<Pending>();
  #waiting: Pending[] = [];
  readonly #sweep: NodeJS.Timeout;
  #away = false;
  #stopped = false;
  #maxPayload = Infinity;

  constructor(
    private readonly connection: NatsConnection,
    private readonly inbox: Inbox,
    private readonly outbox: Outbox,
  ) {
    this.#maxPayload = connection.info?.max_payload ?? Infinity;
    this.#sweep = setInterval(() => {
      this.#lookAfter();
    }, SWEEP_EVERY_MS);
    this.#sweep.unref();
  }

  /** Whether it takes no more writes. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Writes that are under way: sent and not answered. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Writes that have no answer yet: those under way, and those that wait for their turn. */
  get unanswered(): number {
    return this.#inFlight.size + this.#waiting.length;
  }

  /**
   * Resolves with the sequence once the log has stored the message.
   *
   * @param expected what the condition in the headers says, for the error
   * @throws ConcurrencyError, or its kind {@link AmbiguousConflictError}, when the condition does not hold
   */
  append(write: Write, expected: number, options: AppendOptions = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      const pending: Pending = {
        subject: write.subject,
        text: { headers: `${HEAD}${write.headers}\r\n`, payload: write.payload },
        sent: undefined,
        expected,
        key: undefined,
        reply: '',
        sentAt: 0,
        sends: 0,
        rests: false,
        deadline: options.deadlineMs === undefined ? Infinity : performance.now() + options.deadlineMs,
        signal: options.signal,
        settled: false,
        resolve,
        reject,
      };
      if (this.#stopped) this.#fail(pending, new LogUnavailableError('The connection to the log is closed.'));
      else if (this.#isTooLarge(pending, write)) return;
      else if (this.#inFlight.size < MAX_IN_FLIGHT) this.#admit(pending);
      else this.#waiting.push(pending);
    });
  }

  /** The broker is away: nothing that is sent now would arrive. */
  disconnected(): void {
    this.#away = true;
  }

  /** Nothing that was sent before will be answered. */
  reconnected(): void {
    this.#away = false;
    this.#maxPayload = this.connection.info?.max_payload ?? this.#maxPayload;
    for (const pending of this.#inFlight) this.#send(pending);
  }

  /** This user may not publish to the subject; it would never get an answer. */
  forbidden(subject: string): void {
    const error = new LogRefusedError(ServerCode.forbidden, `This login may not write to ${subject}.`);
    for (const pending of this.#inFlight) if (pending.subject === subject) this.#fail(pending, error);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#sweep);
    for (const pending of [...this.#waiting.splice(0), ...this.#inFlight])
      this.#fail(pending, new LogUnavailableError('The connection to the log was closed.'));
  }

  #admit(pending: Pending): void {
    pending.key = this.inbox.open((message) => {
      this.#answered(pending, message);
    });
    pending.reply = this.inbox.replyTo(pending.key);
    this.#inFlight.add(pending);
    if (!this.#away) this.#send(pending);
  }

  #send(pending: Pending): void {
    pending.sentAt = performance.now();
    pending.sends++;
    const { subject, reply, text, sent } = pending;
    try {
      if (sent) this.outbox.repeat(sent);
      else if (text) pending.sent = this.outbox.publish(subject, reply, text.headers, text.payload);
      pending.text = undefined;
    } catch (cause) {
      const gone = this.connection.isClosed() || this.connection.isDraining();
      this.#fail(
        pending,
        gone
          ? new LogUnavailableError('The connection to the log is closed.', { cause })
          : new LogRefusedError(ServerCode.badRequest, String(cause)),
      );
    }
  }

  /** The server would cut the connection. */
  #isTooLarge(pending: Pending, { headers, payload }: Write): boolean {
    if (headers.length + payload.length * MOST_BYTES_OF_A_CODE_UNIT <= this.#maxPayload - FRAME_BYTES)
      return false;
    const bytes = FRAME_BYTES + headers.length + Buffer.byteLength(payload);
    if (bytes <= this.#maxPayload) return false;
    const message = `The message has ${bytes} bytes; the log takes ${this.#maxPayload} at most.`;
    this.#fail(pending, new LogRefusedError(ServerCode.messageTooLarge, message));
    return true;
  }

  #answered(pending: Pending, message: Msg): void {
    const text = message.string();
    if (text.startsWith(ACK)) this.#succeed(pending, sequenceIn(text));
    // Without a body it is the status 503: nobody listens on the subject, the stream is away.
    else this.#refused(pending, text === '' ? { code: 503 } : errorIn(text));
  }

  #refused(pending: Pending, { code, err_code, description }: ApiError): void {
    if (err_code === ServerCode.wrongLastSequence) {
      const actual = Number(/(\d+)\s*$/.exec(description ?? '')?.[1] ?? 0);
      const Conflict = pending.sends > 1 ? AmbiguousConflictError : ConcurrencyError;
      this.#fail(pending, new Conflict(pending.expected, actual));
    } else if (err_code === ServerCode.writeInFlight) this.#sendAgainIn(pending, IN_FLIGHT_RETRY_MS);
    else if (code === 503 || code === 429) this.#sendAgainIn(pending, BUSY_RETRY_MS);
    else
      this.#fail(pending, new LogRefusedError(err_code ?? code, description ?? 'The log refused the write.'));
  }

  #sendAgainIn(pending: Pending, delayMs: number): void {
    // One that was sent twice is told so twice.
    if (pending.rests) return;
    pending.rests = true;
    setTimeout(() => {
      pending.rests = false;
      if (!pending.settled && !this.#away) this.#send(pending);
    }, delayMs);
  }

  #lookAfter(): void {
    const now = performance.now();
    for (const pending of this.#inFlight) {
      if (this.#gaveUp(pending, now) || this.#away || pending.rests) continue;
      if (now - pending.sentAt >= patienceWith(pending)) this.#send(pending);
    }
    if (this.#waiting.length > 0)
      this.#waiting = this.#waiting.filter((pending) => !this.#gaveUp(pending, now));
  }

  #gaveUp(pending: Pending, now: number): boolean {
    if (pending.signal?.aborted) this.#fail(pending, pending.signal.reason);
    else if (now >= pending.deadline)
      this.#fail(pending, new LogUnavailableError('The log did not answer in time.'));
    return pending.settled;
  }

  #succeed(pending: Pending, sequence: number): void {
    this.#settle(pending);
    pending.resolve(sequence);
  }

  #fail(pending: Pending, error: unknown): void {
    this.#settle(pending);
    pending.reject(error);
  }

  #settle(pending: Pending): void {
    pending.settled = true;
    if (pending.key === undefined) return;
    this.inbox.close(pending.key);
    this.#inFlight.delete(pending);
    const next = this.#waiting.length > 0 ? this.#waiting.shift() : undefined;
    if (next) this.#admit(next);
  }
}

const patienceWith = ({ sends }: Pending): number =>
  RESEND_AFTER_MS * Math.min(2 ** (sends - 1), RESEND_LATER_AT_MOST);

const ACK = '{"stream"';

const sequenceIn = (ack: string): number => Number.parseInt(ack.slice(ack.indexOf('"seq":') + 6), 10);

const errorIn = (answer: string): ApiError =>
  (JSON.parse(answer) as { error?: ApiError }).error ?? {
    code: 500,
    description: `Not an answer to a write: ${answer.slice(0, 80)}`,
  };
