import type { Msg } from '@nats-io/transport-node';
import type { Inbox } from './connection.js';
import { LogRefusedError, LogUnavailableError, ServerCode } from './errors.js';

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

/** What the server says of a request that it does not grant. */
export interface ApiError {
  code: number;
  err_code?: number;
  description?: string;
}

type Answer = Record<string, unknown> & { error?: ApiError };

/** Reads of the JetStream API over the shared inbox. Each is repeated until it is answered or the deadline has passed. */
export class Requests {
  readonly #open = new Set<{ subject: string; giveUp: () => void; refuse: (error: Error) => void }>();
  #stopped = false;

  constructor(private readonly inbox: Inbox) {}

  /** One request, one answer, which may be a refusal. */
  async json(subject: string, body: object, deadlineMs = DEFAULT_READ_DEADLINE_MS): Promise<Answer> {
    const messages = await this.#untilAnswered(subject, JSON.stringify(body), deadlineMs, {
      isLast: () => true,
      isBusy: (message) => message.data.length === 0 || message.string().includes(BUSY),
    });
    return JSON.parse(messages[0]?.string() ?? '{}') as Answer;
  }

  /**
   * A direct get whose answers end with a status: 204 after the last message, 404 when there is none.
   *
   * @throws LogRefusedError when the server does not understand the request
   */
  async batch(stream: string, body: object, deadlineMs = DEFAULT_READ_DEADLINE_MS): Promise<StoredMessage[]> {
    const messages = await this.#untilAnswered(
      `$JS.API.DIRECT.GET.${stream}`,
      JSON.stringify(body),
      deadlineMs,
      {
        isLast: (message) => (message.headers?.code ?? 0) >= 200,
        isBusy: (message) => message.headers?.code === 503,
      },
    );
    const status = messages.pop()?.headers;
    if (status?.code !== 204 && status?.code !== 404)
      throw new LogRefusedError(status?.code ?? 0, status?.description ?? 'The log refused the read.');
    return messages.map((message) => ({
      subject: message.headers?.get('Nats-Subject') ?? '',
      sequence: Number(message.headers?.get('Nats-Sequence')),
      payload: message.string(),
      storedAtMs: Date.parse(message.headers?.get('Nats-Time-Stamp') ?? ''),
    }));
  }

  /** What was asked before will not be answered any more: it is asked again. */
  reconnected(): void {
    for (const { giveUp } of this.#open) giveUp();
  }

  /** This user may not publish to the subject; it would never get an answer. */
  forbidden(subject: string): void {
    const error = new LogRefusedError(ServerCode.forbidden, `This login may not ask ${subject}.`);
    for (const open of this.#open) if (open.subject === subject) open.refuse(error);
  }

  /** Ends what is still waiting. */
  stop(): void {
    this.#stopped = true;
    this.reconnected();
  }

  async #untilAnswered(
    subject: string,
    payload: string,
    deadlineMs: number,
    look: { isLast: (message: Msg) => boolean; isBusy: (message: Msg) => boolean },
  ): Promise<Msg[]> {
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      const left = deadline - performance.now();
      if (this.#stopped) throw new LogUnavailableError('The connection to the log was closed.');
      if (left <= 0) throw new LogUnavailableError('The log did not answer in time.');
      const messages = await this.#once(subject, payload, Math.min(left, ANSWER_WITHIN_MS), look);
      if (messages) return messages;
      await new Promise((go) => setTimeout(go, Math.min(BUSY_RETRY_MS, left)));
    }
  }

  /** Resolves with undefined when it must be asked again: no answer, nobody listens, or the server is busy. */
  #once(
    subject: string,
    payload: string,
    timeoutMs: number,
    { isLast, isBusy }: { isLast: (message: Msg) => boolean; isBusy: (message: Msg) => boolean },
  ): Promise<Msg[] | undefined> {
    return new Promise((resolve, reject) => {
      const messages: Msg[] = [];
      const end = (): void => {
        clearTimeout(timer);
        this.inbox.close(key);
        this.#open.delete(open);
      };
      const finish = (result: Msg[] | undefined): void => {
        end();
        resolve(result);
      };
      const giveUp = (): void => {
        finish(undefined);
      };
      const refuse = (error: Error): void => {
        end();
        reject(error);
      };
      const open = { subject, giveUp, refuse };
      const timer = setTimeout(giveUp, timeoutMs);
      this.#open.add(open);
      const key = this.inbox.open((message) => {
        if (isBusy(message)) {
          giveUp();
          return;
        }
        messages.push(message);
        if (isLast(message)) finish(messages);
      });
      try {
        this.inbox.send(subject, key, payload);
      } catch {
        // The connection is closed or draining: told by the deadline.
        giveUp();
      }
    });
  }
}

/** In an error of the API: the stream's leader is being elected, or the server is out of a resource. */
const BUSY = '"code":503';
