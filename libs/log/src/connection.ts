import { connect, errors } from '@nats-io/transport-node';
import type { Msg, NatsConnection, NodeConnectionOptions, Subscription } from '@nats-io/transport-node';

/** How to reach the broker. */
export interface ConnectionOptions {
  /** `nats://user:password@host:port` (`tls://` for an encrypted connection), several separated by commas. */
  url: string;
  /** Shown by `nats server report connections`. */
  name: string;
}

/** So many bytes are gathered within a turn of the event loop before they are handed to the socket. */
const WRITE_BYTES = 128 * 1024;

const HANDSHAKE_MS = 5_000;

/** Opens a connection that reconnects for ever; waits for the broker if it is not there yet. */
export function openConnection({ url, name }: ConnectionOptions): Promise<NatsConnection> {
  const servers = url.split(',').map((text) => new URL(text.includes('://') ? text : `nats://${text}`));
  const [first] = servers;
  const options: NodeConnectionOptions & { pendingLimit: number } = {
    servers: servers.map(({ host }) => host),
    name,
    ...(first?.username && { user: decodeURIComponent(first.username) }),
    ...(first?.password && { pass: decodeURIComponent(first.password) }),
    ...(first?.protocol === 'tls:' && { tls: {} }),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    waitOnFirstConnect: true,
    // A broker that dies between its greeting and its first answer leaves the client waiting for so long: twenty seconds by default.
    timeout: HANDSHAKE_MS,
    pingInterval: 5_000,
    maxPingOut: 2,
    // Otherwise every request builds an Error with a stack.
    noAsyncTraces: true,
    // Known to the client, missing in its types: a system call for every 32 KiB costs more than the rest of an append.
    pendingLimit: WRITE_BYTES,
  };
  return connect(options);
}

/**
 * Subscribes. What the handler throws ends the process, as any uncaught error does: inside the client it would end the reading of the
 * connection for ever, without a word. So does a subscription that this user may not make.
 */
export const listen = (
  connection: NatsConnection,
  subject: string,
  handler: (message: Msg) => void,
): Subscription =>
  connection.subscribe(subject, {
    callback: (error, message) => {
      try {
        if (error) throw error;
        handler(message);
      } catch (thrown) {
        queueMicrotask(() => {
          throw thrown;
        });
      }
    },
  });

/** Calls back on each loss and return of the connection, and on each subject that this user may not publish to, until it is closed. */
export async function watchConnection(
  connection: NatsConnection,
  on: { disconnected: () => void; reconnected: () => void; forbidden: (subject: string) => void },
): Promise<void> {
  for await (const status of connection.status()) {
    // What a listener throws must not end the watch: it is nobody's to catch, so it ends the process.
    if (status.type === 'disconnect') queueMicrotask(on.disconnected);
    if (status.type === 'reconnect') queueMicrotask(on.reconnected);
    if (status.type === 'error' && status.error instanceof errors.PermissionViolationError)
      on.forbidden(status.error.subject);
  }
}

/**
 * One wildcard inbox for all replies of a process. A subscription, a timer and a promise per request would cost more than the request.
 */
export class Inbox {
  readonly #prefix: string;
  readonly #handlers = new Map<string, (message: Msg) => void>();
  readonly #subscription: Subscription;
  #next = 0;

  constructor(readonly connection: NatsConnection) {
    this.#prefix = `_INBOX.${crypto.randomUUID().replaceAll('-', '')}.`;
    this.#subscription = listen(connection, `${this.#prefix}*`, (message) => {
      this.#handlers.get(message.subject.slice(this.#prefix.length))?.(message);
    });
  }

  /** Registers a handler; every message to {@link replyTo} of the key reaches it until {@link close} of the key. */
  open(handler: (message: Msg) => void): string {
    const key = (this.#next++).toString(36);
    this.#handlers.set(key, handler);
    return key;
  }

  replyTo(key: string): string {
    return this.#prefix + key;
  }

  close(key: string): void {
    this.#handlers.delete(key);
  }

  /** Sends a request whose answers go to the handler of the key. */
  send(subject: string, key: string, payload: Uint8Array | string): void {
    this.connection.publish(subject, payload, { reply: this.replyTo(key) });
  }

  stop(): void {
    this.#subscription.unsubscribe();
    this.#handlers.clear();
  }
}
