import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** Stands between a client and the broker, and loses what a broken network would lose. */
export class Proxy {
  readonly #pairs = new Set<{ client: Socket; server: Socket }>();
  #answersHeld = false;
  #holdFrom: string | undefined;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async before(brokerUrl: string): Promise<Proxy> {
    const broker = new URL(brokerUrl);
    const server = createServer();
    await new Promise<void>((go) => server.listen(0, '127.0.0.1', go));
    const url = new URL(brokerUrl);
    url.port = String((server.address() as AddressInfo).port);
    const proxy = new Proxy(server, url.toString());
    server.on('connection', (client) => {
      proxy.#connected(client, Number(broker.port));
    });
    return proxy;
  }

  /** From now on the broker hears the client, but the client hears nothing. */
  holdAnswers(): void {
    this.#answersHeld = true;
  }

  /** The same, from the moment when the client sends this text. */
  holdAnswersFrom(text: string): void {
    this.#holdFrom = text;
  }

  /** Cuts all connections; what was held is lost. The next ones work. */
  cut(): void {
    this.#answersHeld = false;
    this.#holdFrom = undefined;
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  stop(): void {
    this.cut();
    this.server.close();
  }

  #connected(client: Socket, port: number): void {
    const server = connect(port, '127.0.0.1');
    const pair = { client, server };
    this.#pairs.add(pair);
    const end = (): void => {
      client.destroy();
      server.destroy();
      this.#pairs.delete(pair);
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
    client.on('data', (bytes) => {
      if (this.#holdFrom !== undefined && bytes.includes(this.#holdFrom)) this.#answersHeld = true;
      server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (!this.#answersHeld) client.write(bytes);
    });
  }
}
