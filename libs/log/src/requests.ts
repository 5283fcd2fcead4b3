import type { Msg } from '@nats-io/transport-node';
import type { Inbox } from './connection.js';
import { LogUnavailableError } from './errors.js';

/** A read is asked again after so long without an answer; reads may be repeated at will. */
const ANSWER_WITHIN_MS = 2_000;
const BUSY_RETRY_MS = 100;
export const DEFAULT_READ_DEADLINE_MS = 5_000;

/** A stored message as the server returns it. */
export interface StoredMessage {
  subject: string;
  sequence: number;
  payload: string;
  /** When the server stored it, in milliseconds since the epoch. */
  storedAtMs: number;
}

/** Reads of the JetStream API over the shared inbox. Each is repeated until it is answered or the deadline has passed. */
export class Requests {
  constructor(private readonly inbox: Inbox) {}

  /** One request, one answer. */
  async json(
    subject: string,
    body: object,
    deadlineMs = DEFAULT_READ_DEADLINE_MS,
  ): Promise<Record<string, unknown>> {
    const [message] = await this.#untilAnswered(subject, JSON.stringify(body), deadlineMs, () => true);
    return JSON.parse(message?.string() ?? '{}') as Record<string, unknown>;
  }

  /** A direct get whose answers end with a status: 204 after the last message, 404 when there is none. */
  async batch(stream: string, body: object, deadlineMs = DEFAULT_READ_DEADLINE_MS): Promise<StoredMessage[]> {
    const messages = await this.#untilAnswered(
      `$JS.API.DIRECT.GET.${stream}`,
      JSON.stringify(body),
      deadlineMs,
      (message) => message.headers?.code === 204 || message.headers?.code === 404,
    );
    return messages.slice(0, -1).map((message) => ({
      subject: message.headers?.get('Nats-Subject') ?? '',
      sequence: Number(message.headers?.get('Nats-Sequence')),
      payload: message.string(),
      storedAtMs: Date.parse(message.headers?.get('Nats-Time-Stamp') ?? ''),
    }));
  }

  async #untilAnswered(
    subject: string,
    payload: string,
    deadlineMs: number,
    isLast: (message: Msg) => boolean,
  ): Promise<Msg[]> {
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      const left = deadline - performance.now();
      if (left <= 0) throw new LogUnavailableError('The log did not answer in time.');
      const messages = await this.#once(subject, payload, Math.min(left, ANSWER_WITHIN_MS), isLast);
      if (messages) return messages;
      await new Promise((go) => setTimeout(go, Math.min(BUSY_RETRY_MS, left)));
    }
  }

  /** Resolves with undefined when nobody answered, or nobody listens (503). */
  #once(
    subject: string,
    payload: string,
    timeoutMs: number,
    isLast: (message: Msg) => boolean,
  ): Promise<Msg[] | undefined> {
    return new Promise((resolve) => {
      const messages: Msg[] = [];
      const finish = (result: Msg[] | undefined): void => {
        clearTimeout(timer);
        this.inbox.close(key);
        resolve(result);
      };
      const timer = setTimeout(() => {
        finish(undefined);
      }, timeoutMs);
      const key = this.inbox.open((message) => {
        if (message.headers?.code === 503) {
          finish(undefined);
          return;
        }
        messages.push(message);
        if (isLast(message)) finish(messages);
      });
      try {
        this.inbox.send(subject, key, payload);
      } catch {
        // The connection is closed or draining: told by the deadline.
        finish(undefined);
      }
    });
  }
}
