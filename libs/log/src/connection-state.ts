import type { NatsConnection } from '@nats-io/transport-node';
import { watchConnection } from './connection.js';

export type ConnectionEvent = 'disconnected' | 'reconnected' | 'closed';

/** Whether the broker is there, since when, and who wants to hear of it. */
export class ConnectionState {
  readonly #listeners: Readonly<Record<ConnectionEvent, Set<() => void>>> = {
    disconnected: new Set(),
    reconnected: new Set(),
    closed: new Set(),
  };
  #connectedAt = performance.now();
  #away = false;

  /** @param onForbidden told each subject that this user may not publish to */
  constructor(
    private readonly connection: NatsConnection,
    onForbidden: (subject: string) => void,
  ) {
    void watchConnection(connection, {
      disconnected: () => {
        this.#away = true;
        this.#tell('disconnected');
      },
      reconnected: () => {
        this.#away = false;
        this.#connectedAt = performance.now();
        this.#tell('reconnected');
      },
      forbidden: onForbidden,
    });
    void connection.closed().then(() => {
      this.#tell('closed');
    });
  }

  get connected(): boolean {
    return !this.#away && !this.connection.isClosed();
  }

  /** When the connection was (re)made, on the clock of `performance.now()`. */
  get connectedAt(): number {
    return this.#connectedAt;
  }

  /** Calls back in the order of the listeners' coming, until the function is called. */
  on(event: ConnectionEvent, listener: () => void): () => void {
    this.#listeners[event].add(listener);
    return () => this.#listeners[event].delete(listener);
  }

  #tell(event: ConnectionEvent): void {
    for (const listener of this.#listeners[event]) listener();
  }
}
