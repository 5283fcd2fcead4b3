import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** A way to a server that can be cut, stopped up and mended: the network between one process and the broker. */
export class TcpGate {
  readonly #pairs = new Set<Socket>();
  readonly #arrivals: (() => void)[] = [];
  #isOpen = true;

  private constructor(
    private readonly server: Server,
    /** The URL of the server, by way of the gate. */
    readonly url: string,
  ) {}

  /** Opens a gate before the server that the URL names. */
  static async before(target: string): Promise<TcpGate> {
    const to = new URL(target);
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const url = new URL(target);
    url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const gate = new TcpGate(server, url.href);
    server.on('connection', (client) => {
      gate.#connected(client, Number(to.port), to.hostname);
    });
    return gate;
  }

  /** Breaks all connections; new ones are refused until {@link mend}. */
  cut(): void {
    this.#isOpen = false;
    for (const socket of this.#pairs) socket.destroy();
  }

  /** Lets nothing through any more, and loses nothing: neither side is told, and what they sent arrives with {@link mend}. */
  stopUp(): void {
    for (const socket of this.#pairs) socket.pause();
  }

  mend(): void {
    this.#isOpen = true;
    for (const socket of this.#pairs) socket.resume();
  }

  /** Resolves when the next connection is let through. */
  arrival(): Promise<void> {
    return new Promise((arrived) => this.#arrivals.push(arrived));
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((closed) => this.server.close(closed));
  }

  #connected(client: Socket, port: number, host: string): void {
    if (!this.#isOpen) {
      client.destroy();
      return;
    }
    const upstream = connect(port, host);
    for (const arrived of this.#arrivals.splice(0)) arrived();
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#pairs.add(one);
      one.setNoDelay(true);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#pairs.delete(one);
        other.destroy();
      });
    }
    client.pipe(upstream);
    upstream.pipe(client);
  }
}
