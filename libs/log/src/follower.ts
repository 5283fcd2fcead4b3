import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { StoredMessage } from './requests.js';

export interface FollowOptions {
  stream: string;
  /** The first sequence wanted. */
  from: number;
  filters: string[];
  /** Called with what has come since the last call, in order; the next call waits for its end: natural back-pressure. */
  onMessages: (messages: StoredMessage[]) => Promise<void> | void;
  /** Messages asked for at once, and so the longest batch. Defaults to 1000. */
  batch?: number;
  onError?: (error: unknown) => void;
}

const PULL_EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 5_000;
/** The server forgets the consumer of a follower that has gone. */
const INACTIVE_MS = 60_000;
const RETRY_MS = 250;

/** Status codes of a pull. */
const HEARTBEAT = 100;
const PULL_ENDED = 408;

/**
 * Follows a stream from a sequence on, in order and without a gap: an ephemeral consumer without acknowledgements, made anew after
 * whatever was handed on last when anything is odd (a reconnect, a missed heartbeat, a jump in its own numbering). So a message is
 * missed by no outage; it may come twice only if `onMessages` failed on it.
 */
export class Follower {
  readonly #options: Required<Omit<FollowOptions, 'onError'>> & Pick<FollowOptions, 'onError'>;
  readonly #stopped = new AbortController();
  #next: number;
  #done: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Something is not as expected: the consumer must be made anew. */
  #odd = false;

  constructor(
    private readonly connection: NatsConnection,
    private readonly manager: JetStreamManager,
    options: FollowOptions,
  ) {
    this.#options = { batch: 1000, ...options };
    this.#next = options.from;
  }

  /** The sequence after the last message handed on. */
  get next(): number {
    return this.#next;
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
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#followOnce();
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        this.#options.onError?.(error);
        await sleep(RETRY_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      }
    }
  }

  /** The connection was away: the consumer may be gone, and what it sent meanwhile is. */
  resync(): void {
    this.#odd = true;
    this.#wake?.();
  }

  /** Follows until something is odd. */
  async #followOnce(): Promise<void> {
    const { stream, batch, onMessages } = this.#options;
    this.#odd = false;
    const name = await this.#createConsumer();
    const inbox = `_INBOX.${name}`;
    let delivered = 0;
    let asked = 0;
    let lastSign = performance.now();
    let buffer: StoredMessage[] = [];
    const subscription: Subscription = this.connection.subscribe(inbox, {
      callback: (_error, message) => {
        lastSign = performance.now();
        if (message.headers?.code) {
          if (message.headers.code === HEARTBEAT) return;
          // The pull has run its time. Anything else means that the consumer is not what it was.
          if (message.headers.code === PULL_ENDED)
            asked -= Number(message.headers.get('Nats-Pending-Messages'));
          else this.#odd = true;
        } else {
          const place = placeOf(message);
          this.#odd ||= place.delivery !== ++delivered;
          if (!this.#odd) buffer.push(place.message);
          asked--;
        }
        this.#wake?.();
      },
    });
    const watchdog = setInterval(() => {
      if (performance.now() - lastSign > 3 * HEARTBEAT_MS) this.resync();
    }, HEARTBEAT_MS);
    try {
      while (!this.#stopped.signal.aborted && (!this.#odd || buffer.length > 0)) {
        if (asked <= batch / 2 && !this.#odd) {
          asked += batch;
          this.connection.publish(
            `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
            JSON.stringify({ batch, expires: PULL_EXPIRES_MS * 1e6, idle_heartbeat: HEARTBEAT_MS * 1e6 }),
            { reply: inbox },
          );
        }
        if (buffer.length === 0) {
          await new Promise<void>((wake) => (this.#wake = wake));
          continue;
        }
        const messages = buffer;
        buffer = [];
        await onMessages(messages);
        this.#next = (messages.at(-1)?.sequence ?? this.#next) + 1;
      }
    } finally {
      clearInterval(watchdog);
      subscription.unsubscribe();
      if (!this.connection.isClosed()) this.manager.consumers.delete(stream, name).catch(() => undefined);
    }
  }

  async #createConsumer(): Promise<string> {
    const { stream, filters } = this.#options;
    const name = `follow_${crypto.randomUUID().replaceAll('-', '')}`;
    const [only, ...more] = filters;
    await this.manager.consumers.add(stream, {
      name,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, this.#next),
      ...(only !== undefined && more.length === 0 ? { filter_subject: only } : { filter_subjects: filters }),
      inactive_threshold: INACTIVE_MS * 1e6,
      mem_storage: true,
      num_replicas: 1,
    });
    return name;
  }
}

/** Reads `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time ns>.<pending>`, counted from the end. */
function placeOf(message: Msg): { delivery: number; message: StoredMessage } {
  const tokens = (message.reply ?? '').split('.');
  const at = (fromEnd: number): number => Number(tokens[tokens.length - fromEnd]);
  return {
    delivery: at(3),
    message: {
      subject: message.subject,
      sequence: at(4),
      payload: message.string(),
      storedAtMs: at(2) / 1e6,
    },
  };
}
