import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { listen } from './connection.js';
import { deliveryOf, storedMessageOf } from './delivery.js';
import { LogRefusedError, LogUnavailableError, LogWentBackError } from './errors.js';
import type { Requests, StoredMessage } from './requests.js';

export interface FollowOptions {
  stream: string;
  /** The first sequence wanted. */
  from: number;
  filters: string[];
  /** Called with what has come since the last call, in order; the next call waits for its end: natural back-pressure. */
  onMessages: (messages: StoredMessage[]) => Promise<void> | void;
  /** Messages asked for at once, and so the longest batch. Defaults to 1000. */
  batch?: number;
  /**
   * Told what went wrong before it is tried again. With a LogWentBackError the follower goes on at the end of what is there; whoever
   * keeps what was read must go back himself.
   */
  onError?: (error: unknown) => void;
  /** Called once: all that was there when the follower started has been handed on. */
  onCaughtUp?: () => void;
}

const PULL_EXPIRES_MS = 30_000;
/** The server ends a pull before it sends more: it would cut off a client that has 64 MiB to take in. */
const PULL_BYTES = 8 * 1024 * 1024;
const HEARTBEAT_MS = 5_000;
/** The server forgets the consumer of a follower that has gone. */
const INACTIVE_MS = 60_000;
const RETRY_MS = 250;

const HEARTBEAT = 100;
/** A pull has run its time, is complete, or has no room for the next message. Anything else: the consumer is not what it was. */
const PULL_ENDED: ReadonlySet<string> = new Set([
  '408 Request Timeout',
  '409 Batch Completed',
  '409 Message Size Exceeds MaxBytes',
]);

/** One consumer on the server, for as long as nothing is odd. */
interface Session {
  name: string;
  /** Came in order and was not handed on yet. */
  buffer: StoredMessage[];
  /** Deliveries so far: they are numbered without a gap, or something was lost. */
  delivered: number;
  /** Messages asked for that have not come yet. */
  asked: number;
  /** Messages that the server still has after the newest one here. */
  pending: number;
  lastSign: number;
  /** Something is not as expected: the consumer must be made anew. */
  odd: boolean;
}

/**
 * Follows a stream from a sequence on, in order and without a gap: an ephemeral consumer without acknowledgements, made anew after
 * whatever was handed on last when anything is odd (a reconnect, a missed heartbeat, a jump in its own numbering). So a message is
 * missed by no outage; it may come twice only if `onMessages` failed on it.
 */
export class Follower {
  readonly #options: Required<Omit<FollowOptions, 'onError' | 'onCaughtUp'>> &
    Pick<FollowOptions, 'onError' | 'onCaughtUp'>;
  readonly #stopped = new AbortController();
  /** Rejects when it is stopped: nobody waits for a broker that is away. */
  readonly #untilStopped: Promise<never>;
  #next: number;
  #pending = 0;
  #caughtUp = false;
  #done: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #session: Session | undefined;

  /** @param onStopped told once it has stopped */
  constructor(
    private readonly connection: NatsConnection,
    private readonly requests: Requests,
    options: FollowOptions,
    private readonly onStopped: () => unknown = () => undefined,
  ) {
    this.#options = { batch: 1000, ...options };
    this.#next = options.from;
    this.#untilStopped = new Promise((_, reject) => {
      this.#stopped.signal.addEventListener('abort', () => reject(new Error('The follower was stopped.')));
    });
    this.#untilStopped.catch(() => undefined);
  }

  /** The sequence after the last message handed on. */
  get next(): number {
    return this.#next;
  }

  /** Messages that are stored and were not handed on, as far as is known here. */
  get pending(): number {
    return this.#pending + (this.#session?.buffer.length ?? 0);
  }

  start(): this {
    this.#done ??= this.#run();
    return this;
  }

  /** Ends after the batch in hand. Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake?.();
    await this.#done;
    this.onStopped();
  }

  /** The connection was away: the consumer may be gone, and what it sent meanwhile is. */
  resync(): void {
    if (this.#session) this.#session.odd = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped()) {
      try {
        await this.#followOnce();
      } catch (error) {
        if (this.#isStopped()) return;
        this.#options.onError?.(error);
        await sleep(RETRY_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      }
    }
  }

  /** Follows until something is odd. */
  async #followOnce(): Promise<void> {
    const session = newSession();
    this.#session = session;
    session.pending = await Promise.race([this.#prepare(session.name), this.#untilStopped]);
    const subscription = listen(this.connection, inboxOf(session), (message) => {
      received(session, message);
      this.#pending = session.pending;
      this.#wake?.();
    });
    const watchdog = setInterval(() => {
      if (performance.now() - session.lastSign > 3 * HEARTBEAT_MS) this.resync();
    }, HEARTBEAT_MS);
    try {
      await this.#handOn(session);
    } finally {
      clearInterval(watchdog);
      subscription.unsubscribe();
      this.#deleteConsumer(session.name);
    }
  }

  async #handOn(session: Session): Promise<void> {
    const { batch, onMessages } = this.#options;
    while (!this.#isStopped() && (!session.odd || session.buffer.length > 0)) {
      if (session.asked <= batch / 2 && !session.odd) this.#ask(session);
      if (session.buffer.length === 0) {
        if (session.pending === 0) this.#tellCaughtUp();
        await new Promise<void>((wake) => (this.#wake = wake));
        continue;
      }
      const messages = session.buffer;
      session.buffer = [];
      await onMessages(messages);
      this.#next = (messages.at(-1)?.sequence ?? this.#next) + 1;
    }
  }

  #tellCaughtUp(): void {
    if (this.#caughtUp) return;
    this.#caughtUp = true;
    this.#options.onCaughtUp?.();
  }

  #ask(session: Session): void {
    const { stream, batch } = this.#options;
    session.asked += batch;
    this.connection.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${session.name}`,
      JSON.stringify({
        batch,
        max_bytes: PULL_BYTES,
        expires: PULL_EXPIRES_MS * 1e6,
        idle_heartbeat: HEARTBEAT_MS * 1e6,
      }),
      { reply: inboxOf(session) },
    );
  }

  async #prepare(name: string): Promise<number> {
    await this.#comeBackWithTheLog();
    return this.#createConsumer(name);
  }

  /** A consumer that starts beyond the end would be silent until the log gets there. */
  async #comeBackWithTheLog(): Promise<void> {
    const { state } = await this.#request<{ state: { last_seq: number } }>('STREAM.INFO', {});
    if (this.#next <= state.last_seq + 1) return;
    const error = new LogWentBackError(this.#next, state.last_seq);
    this.#next = state.last_seq + 1;
    this.#options.onError?.(error);
  }

  /** Resolves with the number of messages that it has for us. */
  async #createConsumer(name: string): Promise<number> {
    const { stream, filters } = this.#options;
    const [only, ...more] = filters;
    const config = {
      name,
      ack_policy: 'none',
      deliver_policy: 'by_start_sequence',
      opt_start_seq: Math.max(1, this.#next),
      // A list with one filter is slower than the filter.
      ...(only !== undefined && more.length === 0 ? { filter_subject: only } : { filter_subjects: filters }),
      max_deliver: -1,
      replay_policy: 'instant',
      inactive_threshold: INACTIVE_MS * 1e6,
      mem_storage: true,
      num_replicas: 1,
    };
    const made = await this.#request<{ num_pending: number }>(
      'CONSUMER.CREATE',
      { stream_name: stream, config },
      `.${name}`,
    );
    return made.num_pending;
  }

  async #request<T>(api: string, body: object, after = ''): Promise<T> {
    const answer = await this.requests.json(`$JS.API.${api}.${this.#options.stream}${after}`, body);
    const { error } = answer;
    if (error) throw new LogRefusedError(error.err_code ?? error.code, error.description ?? '');
    if (this.connection.isClosed()) throw new LogUnavailableError('The connection to the log was closed.');
    return answer as T;
  }

  /** Only tidiness: the server forgets it by itself. */
  #deleteConsumer(name: string): void {
    if (this.connection.isClosed() || this.connection.isDraining()) return;
    this.connection.publish(`$JS.API.CONSUMER.DELETE.${this.#options.stream}.${name}`);
  }

  #isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }
}

const newSession = (): Session => ({
  name: `follow_${crypto.randomUUID().replaceAll('-', '')}`,
  buffer: [],
  delivered: 0,
  asked: 0,
  pending: 0,
  lastSign: performance.now(),
  odd: false,
});

const inboxOf = (session: Session): string => `_INBOX.${session.name}`;

function received(session: Session, message: Msg): void {
  session.lastSign = performance.now();
  // Only a delivery can be answered. The headers of the others are their status; those of a fact need no parsing.
  if (message.reply) {
    const delivery = deliveryOf(message.reply);
    session.asked--;
    session.odd ||= delivery.delivery !== ++session.delivered;
    if (session.odd) return;
    session.pending = delivery.pending;
    session.buffer.push(storedMessageOf(message, delivery));
    return;
  }
  const { code = 0, description = '' } = message.headers ?? {};
  if (code === HEARTBEAT) return;
  if (PULL_ENDED.has(`${code} ${description}`))
    session.asked -= Number(message.headers?.get('Nats-Pending-Messages'));
  else session.odd = true;
}
