import { waitUntil } from '@millrace/testing';
import { ADMIN_KEY } from './gateway-client.js';

/** A Server-Sent Event as a client reads it. */
export interface ReceivedEvent {
  /** Undefined for what cannot be resumed after. */
  id: number | undefined;
  event: string;
  data: Record<string, unknown>;
}

/** Reads a stream of events as it comes. */
export class EventSource {
  readonly events: ReceivedEvent[] = [];
  /** What a reconnect would send. */
  lastEventId: number | undefined;
  heartbeats = 0;
  hasEnded = false;
  readonly #abort = new AbortController();

  private constructor(
    readonly status: number,
    readonly headers: Headers,
  ) {}

  /** Resolves once the answer has begun. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<EventSource> {
    const abort = new AbortController();
    const response = await fetch(url, {
      headers: { 'x-api-key': ADMIN_KEY, ...headers },
      signal: abort.signal,
    });
    const source = new EventSource(response.status, response.headers);
    source.#abort.signal.addEventListener('abort', () => abort.abort());
    void source.#read(response).catch(() => undefined);
    return source;
  }

  get ids(): number[] {
    return this.events.flatMap(({ id }) => id ?? []);
  }

  get names(): string[] {
    return this.events.map(({ event }) => event);
  }

  /** Resolves with the first event of the name, there or to come. */
  named(name: string): Promise<ReceivedEvent> {
    return waitUntil(() => this.events.find(({ event }) => event === name), {
      what: `an event ${name}`,
      timeoutMs: 30_000,
    });
  }

  /** Resolves once it has read the event of that sequence. */
  async reached(sequence: number): Promise<void> {
    await waitUntil(() => this.ids.includes(sequence), {
      what: `the event ${sequence}`,
      timeoutMs: 30_000,
    });
  }

  async ended(): Promise<void> {
    await waitUntil(() => this.hasEnded, { what: 'the end of the stream', timeoutMs: 30_000 });
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(response: Response): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    try {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk as Uint8Array, { stream: true });
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) this.#take(block);
      }
    } finally {
      this.hasEnded = true;
    }
  }

  #take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line): [string, string] => {
        const [name = '', ...rest] = line.split(': ');
        return [name, rest.join(': ')];
      }),
    );
    const id = fields.has('id') ? Number(fields.get('id')) : undefined;
    this.lastEventId = id ?? this.lastEventId;
    if (fields.has('')) this.heartbeats++;
    const event = fields.get('event');
    const data = fields.get('data');
    if (event === undefined || data === undefined) return;
    this.events.push({ id, event, data: JSON.parse(data) as Record<string, unknown> });
  }
}
